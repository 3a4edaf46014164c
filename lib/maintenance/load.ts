/**
 * Whether the log is busy. What may wait until it is not (checkpoints, compression) takes time of processors and the disk from
 * the writer, and a burst ends.
 */

/** Busy: more than this was written within a second. A burst of so few bytes is over before it could be disturbed. */
export const BUSY_BYTES_PER_SECOND = 32_000_000
const WINDOW_MS = 1000

export interface LoadSource {
  /** Bytes written since the log was opened. */
  writtenBytes(): number
  monotonicMs(): number
}

export class LoadGate {
  readonly #source: LoadSource
  #sinceMs: number
  #sinceBytes: number
  /** Whether the last whole second was. */
  #wasCalm = true

  constructor(source: LoadSource) {
    this.#source = source
    this.#sinceMs = source.monotonicMs()
    this.#sinceBytes = source.writtenBytes()
  }

  /** False, too, when the last look is too long ago to tell what the last second was like: ask again a second later. */
  isCalm(): boolean {
    const bytes = this.#source.writtenBytes()
    const nowMs = this.#source.monotonicMs()
    const isFew = bytes - this.#sinceBytes < BUSY_BYTES_PER_SECOND
    if (nowMs - this.#sinceMs < WINDOW_MS) return isFew && this.#wasCalm
    this.#sinceMs = nowMs
    this.#sinceBytes = bytes
    this.#wasCalm = isFew
    return isFew
  }
}
