/** The entries that everybody is given: the same bytes in the same order. */

export const PAYLOAD_BYTES = 100
export const USER_ID_BYTES = 16
export const ENTRY_BYTES = PAYLOAD_BYTES + USER_ID_BYTES
/** What the logs written here in JavaScript and C++ put before user id and payload of an entry. */
export const HEADER_BYTES = 24
export const FRAME_BYTES = HEADER_BYTES + ENTRY_BYTES
/** A measurement without a codec: a user id and two numbers. */
export const MEASUREMENT_BYTES = USER_ID_BYTES + 2 * 8
export const MEASUREMENT_FRAME_BYTES = HEADER_BYTES + MEASUREMENT_BYTES

const USERS = 1000
const PAYLOADS = 256

export function makeUserIds() {
  return Array.from({ length: USERS }, (_, i) => `user-${String(i).padStart(USER_ID_BYTES - 5, '0')}`)
}

/** `userIds` and `payloads`; entry number i has `userIds[i % 1000]` and `payloads[i % 256]`. */
export function makeEntries() {
  const userIds = makeUserIds()
  // A generator of its own, so that every run of every competitor writes the same bytes.
  let state = 0x2545f491
  const payloads = Array.from({ length: PAYLOADS }, () => {
    const payload = Buffer.allocUnsafeSlow(PAYLOAD_BYTES)
    for (let at = 0; at < PAYLOAD_BYTES; at += 4) {
      state = (Math.imul(state, 1664525) + 1013904223) >>> 0
      payload.writeUInt32LE(state, at)
    }
    return payload
  })
  return {
    userId: (i) => userIds[i % USERS],
    payload: (i) => payloads[i % PAYLOADS]
  }
}

/** Sum that a reader must come to for entries 0 to count - 1: no reader can skip an entry or its bytes. */
export function expectedChecksum(count) {
  const { payload } = makeEntries()
  let sum = 0
  for (let i = 0; i < count; i++) sum += payload(i)[0] + payload(i)[PAYLOAD_BYTES - 1] + USER_ID_BYTES
  return sum
}

/** What one entry adds to that sum. */
export function checksumOf(userId, payload) {
  return payload[0] + payload[payload.length - 1] + userId.length
}
