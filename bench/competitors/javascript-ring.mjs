import { close, fdatasync, openSync, write } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { FRAME_BYTES, MEASUREMENT_FRAME_BYTES } from '../harness/entries.mjs'
import { encodeInto, encodeMeasurementInto, readFrames } from '../harness/frame.mjs'
import { GroupCommit, MAX_BATCH_BYTES, QUEUE_BYTES } from '../harness/group-commit.mjs'

export const name = 'javascript-ring'
export const durability =
  'fs.write and fdatasync of each batch, from one preallocated buffer; no checksum; not kill-safe'
export const jobs = ['bulk', 'append', 'awaited', 'read', 'lane']

const sync = promisify(fdatasync)
const closeFile = promisify(close)

/** A log of entries that are all as long as those of harness/entries.mjs. */
export async function open(directory) {
  const ring = new FrameRing(directory, FRAME_BYTES)
  return {
    append(userId, payload) {
      const at = ring.claim()
      if (at < 0) return false
      ring.publish(encodeInto(ring.buffer, at, ring.nextLsn, userId, payload))
      return true
    },
    ...surfaceOf(ring)
  }
}

/** A log of measurements. */
export async function openLane(directory) {
  const ring = new FrameRing(directory, MEASUREMENT_FRAME_BYTES)
  return {
    user: (userId) => userId,
    append(userId, timestamp, value) {
      const at = ring.claim()
      if (at < 0) return false
      ring.publish(encodeMeasurementInto(ring.buffer, at, ring.nextLsn, userId, timestamp, value))
      return true
    },
    ...surfaceOf(ring)
  }
}

function surfaceOf(ring) {
  return {
    durable: () => ring.group.durable(),
    drained: () => ring.group.drained(),
    syncs: () => ring.group.commits,
    close: () => ring.close()
  }
}

/**
 * A ring of frames of one length: `tail` is the first byte that is not durable, `head` the first free one, and
 * `wrapAt`, where it is not 0, the end of the frames from before the head went back to 0.
 */
class FrameRing {
  nextLsn = 1
  buffer
  group = new GroupCommit(() => this.#commit())
  #frameBytes
  #fd
  #head = 0
  #tail = 0
  #wrapAt = 0
  #position = 0
  #committed = 0

  constructor(directory, frameBytes) {
    this.buffer = Buffer.alloc(QUEUE_BYTES + 2 * frameBytes)
    this.#frameBytes = frameBytes
    this.#fd = openSync(join(directory, 'log'), 'w')
  }

  /** Where the next frame goes, or -1 when there is no room for one. */
  claim() {
    if (!this.group.hasRoom) return -1
    if (this.#head + this.#frameBytes > this.buffer.length) {
      if (this.#tail <= this.#frameBytes) return -1
      this.#wrapAt = this.#head
      this.#head = 0
    } else if (this.#wrapAt > 0 && this.#head + this.#frameBytes > this.#tail) return -1
    return this.#head
  }

  /** The frame that was claimed ends at `end`. */
  publish(end) {
    this.nextLsn++
    this.#head = end
    this.group.add(this.#frameBytes)
  }

  async close() {
    while (this.#committed < this.nextLsn - 1) await this.group.durable()
    await closeFile(this.#fd)
  }

  async #commit() {
    if (this.#wrapAt > 0 && this.#tail === this.#wrapAt) [this.#tail, this.#wrapAt] = [0, 0]
    const start = this.#tail
    const limit = start + Math.floor(MAX_BATCH_BYTES / this.#frameBytes) * this.#frameBytes
    const end = Math.min(this.#wrapAt > 0 ? this.#wrapAt : this.#head, limit)
    await writeAll(this.#fd, this.buffer, start, end, this.#position)
    await sync(this.#fd)
    this.#position += end - start
    this.#tail = end
    const entries = (end - start) / this.#frameBytes
    this.#committed += entries
    return { entries, bytes: end - start }
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
