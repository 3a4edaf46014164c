/**
 * The entry format of the peers that are written here in JavaScript. It has no checksum: they are spared that work, and
 * ingest-wal is not.
 *
 *   0       4        6    7     8         16    24
 *   | bytes | idBytes | op | pad | timestamp | lsn | user id | payload |
 */
import { createReadStream } from 'node:fs'
import { HEADER_BYTES } from './entries.mjs'

const ADD_MEASUREMENT = 2

/** Writes one entry at `at` and returns the offset behind it. The caller has made room. */
export function encodeInto(buffer, at, lsn, userId, payload) {
  const userAt = at + HEADER_BYTES
  const userBytes = buffer.utf8Write(userId, userAt)
  const end = userAt + userBytes + payload.length
  buffer.writeUInt32LE(end - at, at)
  buffer.writeUInt16LE(userBytes, at + 4)
  buffer[at + 6] = ADD_MEASUREMENT
  buffer[at + 7] = 0
  buffer.writeDoubleLE(Date.now(), at + 8)
  buffer.writeDoubleLE(lsn, at + 16)
  buffer.set(payload, userAt + userBytes)
  return end
}

export function encode(lsn, userId, payload) {
  const frame = Buffer.allocUnsafe(HEADER_BYTES + Buffer.byteLength(userId) + payload.length)
  encodeInto(frame, 0, lsn, userId, payload)
  return frame
}

/** User id and payload of the frame at `at`; the payload in memory of its own. */
export function decode(buffer, at) {
  const userAt = at + HEADER_BYTES
  const payloadAt = userAt + buffer.readUInt16LE(at + 4)
  const end = at + buffer.readUInt32LE(at)
  return {
    lsn: buffer.readDoubleLE(at + 16),
    timestamp: buffer.readDoubleLE(at + 8),
    userId: buffer.latin1Slice(userAt, payloadAt),
    payload: Uint8Array.prototype.slice.call(buffer, payloadAt, end)
  }
}

/** Every frame of a file, in order, in chunks of 1 MiB; zeros end it. */
export async function readFrames(path, onEntry) {
  let rest = Buffer.alloc(0)
  for await (const chunk of createReadStream(path, { highWaterMark: 1 << 20 })) {
    const buffer = rest.length === 0 ? chunk : Buffer.concat([rest, chunk])
    let at = 0
    while (at + 4 <= buffer.length) {
      const bytes = buffer.readUInt32LE(at)
      if (bytes === 0) return
      if (at + bytes > buffer.length) break
      onEntry(decode(buffer, at))
      at += bytes
    }
    rest = buffer.subarray(at)
  }
}
