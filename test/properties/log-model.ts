// A log in a few lines: a list of entries. What the real one gives back is held against it.
import { expect } from 'vitest'
import { MeasurementPayload, Operation, type EntriesOptions } from '../../lib/index.js'
import type { Appended } from '../support/logs.js'

/** The payload of a measurement of numbers alone, as docs/format.md says it. */
export function measurementPayload(timestamp: number, value: number, buffer: number, source: number, position: number): Buffer {
  const payload = Buffer.alloc(source === 0 ? MeasurementPayload.BYTES : MeasurementPayload.BYTES_WITH_ORIGIN)
  payload[0] = MeasurementPayload.VERSION
  payload.writeUInt32LE(buffer, MeasurementPayload.BUFFER_AT)
  payload.writeDoubleLE(timestamp, MeasurementPayload.TIMESTAMP_AT)
  payload.writeDoubleLE(value, MeasurementPayload.VALUE_AT)
  if (source === 0) return payload
  payload[MeasurementPayload.ORIGIN_AT] = 1
  payload.writeUInt32LE(source, MeasurementPayload.SOURCE_AT)
  payload.writeDoubleLE(position, MeasurementPayload.POSITION_AT)
  return payload
}

export class LogModel {
  /** The entry with LSN n is number n - 1. */
  readonly #entries: Appended[] = []
  /** Entries that a compaction was allowed to drop. */
  readonly #droppable = new Set<number>()
  /** Up to this LSN there may be no segments any more. */
  #droppedThrough = 0

  get lastLsn(): number {
    return this.#entries.length
  }

  append(operation: Operation, userId: string, payload: Uint8Array, sequence: number): number {
    const lsn = this.lastLsn + 1
    this.#entries.push({ lsn, operation, userId, payload, sequence })
    return lsn
  }

  /** A power cut has taken what is behind `lastLsn`. */
  cut(lastLsn: number): void {
    this.#entries.length = lastLsn
  }

  /**
   * A checkpoint was written; with `drop`, segments that it covers went. What is in no segment any more, a checkpoint keeps as long
   * as it is needed: of a service's own entries what does not lie before a user's last COMMIT.
   */
  checkpoint({ drop }: { drop: boolean }): void {
    if (drop) this.#droppedThrough = this.lastLsn
    const done = new Set<string>()
    for (const { lsn, userId, operation } of this.#entries.toReversed()) {
      if (done.has(userId) && lsn <= this.#droppedThrough) this.#droppable.add(lsn)
      if (operation === Operation.COMMIT) done.add(userId)
    }
  }

  /** `found` is what was read with these options, of the entries up to `lastLsn`. */
  expectRead(found: readonly Appended[], options: EntriesOptions = {}, lastLsn = this.lastLsn): void {
    const wanted = this.#entries.slice(0, lastLsn).filter((entry) => matches(entry, options))
    const lsns = new Set(found.map(({ lsn }) => lsn))
    const expected = wanted.filter(({ lsn }) => lsns.has(lsn) || !this.#droppable.has(lsn))
    expect(found.map(({ lsn }) => lsn)).toEqual(expected.map(({ lsn }) => lsn))
    found.forEach((entry, index) => expectSame(entry, expected[index] as Appended))
  }
}

function matches({ lsn, userId, operation }: Appended, options: EntriesOptions): boolean {
  if (options.fromLsn !== undefined && lsn < options.fromLsn) return false
  if (options.userId !== undefined && userId !== options.userId) return false
  return options.operations === undefined || options.operations.includes(operation)
}

function expectSame(found: Appended, expected: Appended): void {
  const { payload, ...rest } = found
  const { payload: expectedPayload, ...expectedRest } = expected
  expect(rest).toEqual(expectedRest)
  expect(Buffer.compare(payload, expectedPayload), `payload of entry ${found.lsn}`).toBe(0)
}
