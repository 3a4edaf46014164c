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
  const payloadAt = encodeUser(buffer, at, lsn, userId)
  buffer.set(payload, payloadAt)
  const end = payloadAt + payload.length
  buffer.writeUInt32LE(end - at, at)
  return end
}

/** Writes one entry whose payload is two numbers at `at` and returns the offset behind it. */
export function encodeMeasurementInto(buffer, at, lsn, userId, timestamp, value) {
  const payloadAt = encodeUser(buffer, at, lsn, userId)
  buffer.writeDoubleLE(timestamp, payloadAt)
  buffer.writeDoubleLE(value, payloadAt + 8)
  const end = payloadAt + 16
  buffer.writeUInt32LE(end - at, at)
  return end
}

/** Everything before the payload but the length; returns where the payload begins. */
function encodeUser(buffer, at, lsn, userId) {
  const userAt = at + HEADER_BYTES
  const userBytes = buffer.utf8Write(userId, userAt)
  buffer.writeUInt16LE(userBytes, at + 4)
  buffer[at + 6] = ADD_MEASUREMENT
  buffer[at + 7] = 0
  buffer.writeDoubleLE(Date.now(), at + 8)
  buffer.writeDoubleLE(lsn, at + 16)
  return userAt + userBytes
}

export function encode(lsn, userId, payload) {
  const frame = Buffer.allocUnsafe(HEADER_BYTES + Buffer.byteLength(userId) + payload.length)
  encodeInto(frame, 0, lsn, userId, payload)
  return frame
}

export function encodeMeasurement(lsn, userId, timestamp, value) {
  const frame = Buffer.allocUnsafe(HEADER_BYTES + Buffer.byteLength(userId) + 16)
  encodeMeasurementInto(frame, 0, lsn, userId, timestamp, value)
  return frame
}

/** Hands user id and payload of the frame at `at` to `onEntry`. */
export function decode(buffer, at, onEntry) {
  const userAt = at + HEADER_BYTES
  const payloadAt = userAt + buffer.readUInt16LE(at + 4)
  const payloadBytes = at + buffer.readUInt32LE(at) - payloadAt
  // The cheapest view there is; Buffer's own costs half as much again.
  const payload = new Uint8Array(buffer.buffer, buffer.byteOffset + payloadAt, payloadBytes)
  onEntry(buffer.latin1Slice(userAt, payloadAt), payload)
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
      decode(buffer, at, onEntry)
      at += bytes
    }
    rest = buffer.subarray(at)
  }
}
