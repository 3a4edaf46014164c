/** How far each source that can be read again was logged. */
import type { Codec } from '../replay/codec.js'
import { timestampOf, type Measurement, type SourceRow } from '../replay/measurement.js'
import { readAdd, readCheckpoint, readCommit, readEnd, readRollback } from '../replay/payloads.js'
import { Operation, type Entry } from '../wal/types.js'
import type { RecoveredSource } from './report.js'

/** The time is that of the measurement in `encoded`, where there is one to be decoded. */
interface SourceEnd extends RecoveredSource {
  encoded: Uint8Array | undefined
}

export class SourceEnds {
  readonly #ends = new Map<number, SourceEnd>()
  #last: SourceEnd | undefined
  /** Ends whose encoded measurement is a view of the log's memory. */
  readonly #views = new Set<SourceEnd>()

  /** A measurement that is numbers alone. */
  noteRow(userId: string, source: number, position: number, timestamp: number): void {
    const end = this.#endOf(source)
    if (position <= end.position) return
    end.position = position
    end.userId = userId
    end.timestamp = timestamp
    end.encoded = undefined
  }

  noteEntry(entry: Entry): void {
    if (entry.operation === Operation.ADD_MEASUREMENT) {
      this.#noteAdd(entry)
      return
    }
    // The row's own entry may be lost; what tells of it is a control entry of its buffer.
    const lastRow = lastRowOf(entry)
    if (lastRow === undefined) return
    const end = this.#endOf(lastRow.source)
    if (lastRow.position > end.position) Object.assign(end, lastRow, { userId: entry.userId, encoded: undefined })
  }

  /** Copies what is kept out of the log's memory, which can then go. */
  keepOwn(): void {
    for (const end of this.#views) end.encoded = end.encoded?.slice()
    this.#views.clear()
  }

  decode(codec: Codec): Map<number, RecoveredSource> {
    const sources = new Map<number, RecoveredSource>()
    for (const [number, { encoded, ...source }] of this.#ends) {
      if (encoded !== undefined) source.timestamp = timestampOf(codec.decode(encoded) as Measurement)
      sources.set(number, source)
    }
    return sources
  }

  #noteAdd({ payload, userId }: Entry): void {
    const { origin, value } = readAdd(payload)
    if (origin === undefined) return
    if (!(value instanceof Uint8Array)) {
      this.noteRow(userId, origin.source, origin.position, value.timestamp)
      return
    }
    const end = this.#endOf(origin.source)
    if (origin.position <= end.position) return
    end.position = origin.position
    end.userId = userId
    end.encoded = value
    this.#views.add(end)
  }

  #endOf(source: number): SourceEnd {
    if (this.#last?.source === source) return this.#last
    let end = this.#ends.get(source)
    if (end === undefined) {
      end = { source, position: 0, userId: '', timestamp: 0, encoded: undefined }
      this.#ends.set(source, end)
    }
    return (this.#last = end)
  }
}

function lastRowOf({ operation, payload }: Entry): SourceRow | undefined {
  switch (operation) {
    case Operation.END_BUFFER:
      return readEnd(payload).lastRow
    case Operation.CHECKPOINT:
      return readCheckpoint(payload).lastRow
    case Operation.COMMIT:
      return readCommit(payload).lastRow
    case Operation.ROLLBACK:
      return readRollback(payload).lastRow
    default:
      return undefined
  }
}
