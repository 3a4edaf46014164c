import { once } from 'node:events'
import { join } from 'node:path'
import { promisify } from 'node:util'
import SonicBoom from 'sonic-boom'
import { encode, readFrames } from '../harness/frame.mjs'
import { BATCH_BYTES, GroupCommit, MAX_BATCH_BYTES } from '../harness/group-commit.mjs'

export const name = 'sonic-boom'
export const durability = 'asynchronous, buffers, flush() with its fsync for each batch; no checksum; not kill-safe'
export const jobs = ['bulk', 'append', 'awaited', 'read']

export async function open(directory) {
  const stream = new SonicBoom({
    dest: join(directory, 'log'),
    sync: false,
    contentMode: 'buffer',
    minLength: BATCH_BYTES,
    maxWrite: MAX_BATCH_BYTES
  })
  await once(stream, 'ready')
  const flush = promisify((done) => stream.flush(done))
  let [lsn, bytes, flushedLsn, flushedBytes] = [0, 0, 0, 0]
  const group = new GroupCommit(async () => {
    const batch = { entries: lsn - flushedLsn, bytes: bytes - flushedBytes }
    ;[flushedLsn, flushedBytes] = [lsn, bytes]
    await flush()
    return batch
  })
  return {
    append(userId, payload) {
      if (!group.hasRoom) return false
      const frame = encode(++lsn, userId, payload)
      bytes += frame.length
      stream.write(frame)
      group.add(frame.length)
      return true
    },
    durable: () => group.durable(),
    drained: () => group.drained(),
    syncs: () => group.commits,
    async close() {
      await group.durable()
      const closed = once(stream, 'close')
      stream.end()
      await closed
    }
  }
}

export async function read(directory, onEntry) {
  await readFrames(join(directory, 'log'), onEntry)
}
