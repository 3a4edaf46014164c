import { close, fdatasync, openSync, write } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { FRAME_BYTES } from '../harness/entries.mjs'
import { encodeInto, readFrames } from '../harness/frame.mjs'
import { GroupCommit, MAX_BATCH_BYTES, QUEUE_BYTES } from '../harness/group-commit.mjs'

export const name = 'javascript-ring'
export const durability =
  'fs.write and fdatasync of each batch, from one preallocated buffer; no checksum; not kill-safe'
export const jobs = ['bulk', 'append', 'awaited', 'read']

const sync = promisify(fdatasync)
const closeFile = promisify(close)

/**
 * A ring of frames: `tail` is the first byte that is not durable, `head` the first free one, and `wrapAt`, where it is
 * not 0, the end of the frames from before the head went back to 0.
 */
export async function open(directory) {
  const ring = Buffer.alloc(QUEUE_BYTES + 2 * FRAME_BYTES)
  const fd = openSync(join(directory, 'log'), 'w')
  let [head, tail, wrapAt, position, lsn, committed] = [0, 0, 0, 0, 0, 0]

  const group = new GroupCommit(async () => {
    if (wrapAt > 0 && tail === wrapAt) [tail, wrapAt] = [0, 0]
    const start = tail
    const limit = start + Math.floor(MAX_BATCH_BYTES / FRAME_BYTES) * FRAME_BYTES
    const end = Math.min(wrapAt > 0 ? wrapAt : head, limit)
    await writeAll(fd, ring, start, end, position)
    await sync(fd)
    position += end - start
    tail = end
    const entries = (end - start) / FRAME_BYTES
    committed += entries
    return { entries, bytes: end - start }
  })

  return {
    append(userId, payload) {
      if (!group.hasRoom) return false
      if (head + FRAME_BYTES > ring.length) {
        if (tail <= FRAME_BYTES) return false
        wrapAt = head
        head = 0
      } else if (wrapAt > 0 && head + FRAME_BYTES > tail) return false
      const end = encodeInto(ring, head, ++lsn, userId, payload)
      group.add(end - head)
      head = end
      return true
    },
    durable: () => group.durable(),
    drained: () => group.drained(),
    syncs: () => group.commits,
    async close() {
      while (committed < lsn) await group.durable()
      await closeFile(fd)
    }
  }
}

function writeAll(fd, buffer, start, end, position) {
  return new Promise((resolve, reject) => {
    const step = (error, written) => {
      if (error) return reject(error)
      start += written
      position += written
      if (start === end) return resolve()
      write(fd, buffer, start, end - start, position, step)
    }
    step(null, 0)
  })
}

export async function read(directory, onEntry) {
  await readFrames(join(directory, 'log'), onEntry)
}
