/**
 * The time that retention goes by. The wall clock is asked once, at open; from then on time passes as the monotonic clock
 * says, so a wall clock that is set while the log is open changes nothing. A wall clock that is more than a day away from
 * what the log says at open may be wrong: nothing goes by age until an hour has passed.
 */
export interface Clocks {
  /** Milliseconds since the Unix epoch. */
  wallMs: () => number
  /** Milliseconds since some moment, never set. */
  monotonicMs: () => number
}

export const SYSTEM_CLOCKS: Clocks = { wallMs: () => Date.now(), monotonicMs: () => performance.now() }

const DAY_MS = 24 * 3_600_000
const DOUBT_MS = 3_600_000

export class LogClock {
  readonly #monotonicMs: () => number
  readonly #openedWallMs: number
  readonly #openedMonotonicMs: number
  readonly #isDoubtful: boolean

  /** `newestMs`: the newest time that the log itself says, 0 when it says none. */
  constructor(newestMs: number, { wallMs, monotonicMs }: Clocks = SYSTEM_CLOCKS) {
    this.#monotonicMs = monotonicMs
    this.#openedWallMs = wallMs()
    this.#openedMonotonicMs = monotonicMs()
    this.#isDoubtful = newestMs > 0 && Math.abs(this.#openedWallMs - newestMs) > DAY_MS
  }

  /** Milliseconds since the log was opened. */
  get elapsedMs(): number {
    return this.#monotonicMs() - this.#openedMonotonicMs
  }

  /** Milliseconds since the Unix epoch. */
  get nowMs(): number {
    return this.#openedWallMs + this.elapsedMs
  }

  /** The same, undefined while it may be wrong. */
  get trustedNowMs(): number | undefined {
    return this.#isDoubtful && this.elapsedMs < DOUBT_MS ? undefined : this.nowMs
  }
}
