/** A chunk of entries that are in memory, for logs without a native reader. */
import { MeasurementPayload, Operation, type Entry, type EntryChunk } from '../../lib/index.js'

/** Adds users that are not yet in `users`. */
export function chunkOf(entries: readonly Entry[], users: string[]): EntryChunk {
  const numbers = entries.map(({ userId }) => {
    if (!users.includes(userId)) users.push(userId)
    return users.indexOf(userId)
  })
  const at = (index: number): Entry => entries[index] as Entry
  const viewOf = (index: number): DataView => new DataView(at(index).payload.buffer, at(index).payload.byteOffset)
  return {
    length: entries.length,
    users,
    lsn: (index) => at(index).lsn,
    timestamp: (index) => at(index).timestamp,
    operation: (index) => at(index).operation,
    user: (index) => numbers[index] as number,
    userId: (index) => at(index).userId,
    sequence: (index) => at(index).sequence,
    segment: (index) => at(index).segment,
    offset: (index) => at(index).offset,
    payload: (index) => at(index).payload,
    payloadBytes: (index) => at(index).payload.length,
    payloadUint8: (index, from) => viewOf(index).getUint8(from),
    payloadUint32: (index, from) => viewOf(index).getUint32(from, true),
    payloadFloat64: (index, from) => viewOf(index).getFloat64(from, true),
    isMeasurement: (index) => {
      const { operation, payload } = at(index)
      return operation === Operation.ADD_MEASUREMENT && payload.length >= MeasurementPayload.BYTES && payload[0] === MeasurementPayload.VERSION
    },
    measurementTimestamp: (index) => viewOf(index).getFloat64(MeasurementPayload.TIMESTAMP_AT, true),
    measurementValue: (index) => viewOf(index).getFloat64(MeasurementPayload.VALUE_AT, true),
    entry: at
  }
}
