// The main job in small: a program of measurements and clears that is run as a service runs its source, with a processor that
// fails, waits and spoils what it is given, and that can be run again from whatever a crash left.
import fc from 'fast-check'
import { recover, ReplayBuffer, ReplayManager, type Measurement, type RecoveryReport, type ReplayBufferSettings } from '../../lib/index.js'
import type { MemoryLog } from './memory-log.js'

export const HOUR_MS = 3_600_000
const SOURCE = 7
const MAX_ATTEMPTS = 3
const MOST_FAILURES = 8

/** `failures`: how often a replay with this measurement fails before it succeeds. */
export type Step =
  | { do: 'add'; userId: string; hour: number; failures: number }
  | { do: 'clear'; userId: string }

export interface Program {
  settings: ReplayBufferSettings
  steps: Step[]
}

/** What was applied, in that order: the rows of the program. */
export interface State {
  rows: number[]
}

export interface Outcome {
  states: Record<string, State>
  replayed: Record<string, number>
  parked: string[]
  /** What waits still, of users that are parked. */
  waiting: Record<string, unknown[]>
}

export const programs: fc.Arbitrary<Program> = fc.record({
  settings: fc.record({
    bufferHours: fc.integer({ min: 1, max: 30 }),
    maxBufferMeasurements: fc.integer({ min: 3, max: 6 }),
    minMeasurements: fc.integer({ min: 1, max: 3 }),
    triggerMode: fc.constantFrom('time_based' as const, 'measurement_count' as const),
    clock: fc.constantFrom('event' as const, 'wall' as const)
  }),
  steps: fc.array(
    fc.oneof(
      {
        weight: 14,
        arbitrary: fc.record({
          do: fc.constant('add' as const),
          userId: fc.constantFrom('ann', 'bob', 'cyd'),
          hour: fc.integer({ min: 0, max: 60 }),
          failures: fc.oneof({ weight: 9, arbitrary: fc.constant(0) }, { weight: 3, arbitrary: fc.integer({ min: 1, max: 4 }) })
        })
      },
      { weight: 3, arbitrary: fc.record({ do: fc.constant('clear' as const), userId: fc.constantFrom('ann', 'bob', 'cyd') }) }
    ),
    { minLength: 1, maxLength: 40, size: 'max' }
  )
})

/** Every other row is numbers alone, which a log may keep otherwise than the rest. */
function measurementOf(row: number, hour: number, failures: number): Measurement {
  const timestamp = hour * HOUR_MS
  return row % 2 === 0 ? { timestamp, row, failures } : { timestamp, value: row * MOST_FAILURES + failures }
}

/** The row of the program that a measurement is. */
export function rowOf({ row, value }: Measurement): number {
  return (row as number | undefined) ?? Math.floor((value as number) / MOST_FAILURES)
}

function failuresOf({ failures, value }: Measurement): number {
  return (failures as number | undefined) ?? (value as number) % MOST_FAILURES
}

/** Applies a measurement; spoils its arguments when it fails, and takes its time now and then. */
function processMeasurement(state: State, measurement: Measurement, context: { attempts: number }): State | Promise<undefined> | undefined {
  const row = rowOf(measurement)
  const failures = failuresOf(measurement)
  state.rows.push(row)
  Object.assign(measurement, { row: NaN, value: NaN })
  if (failures > context.attempts) throw new Error(`row ${row} is not for attempt ${context.attempts}`)
  if (row % 3 === 0) return Promise.resolve(undefined)
  return row % 2 === 0 ? { rows: [...state.rows] } : undefined
}

export class Job {
  readonly buffer: ReplayBuffer
  readonly manager: ReplayManager<State>
  readonly report: RecoveryReport
  readonly #program: Program
  /** The wall clock shows as many hours as rows were taken. */
  #row: number

  private constructor(log: MemoryLog, program: Program, report: RecoveryReport) {
    this.#program = program
    this.report = report
    this.#row = report.sources.get(SOURCE)?.position ?? 0
    this.buffer = new ReplayBuffer({ ...program.settings, wal: log, now: () => this.#row * HOUR_MS })
    this.manager = new ReplayManager<State>({
      buffer: this.buffer,
      processMeasurement,
      initialState: { rows: [] },
      maxAttempts: MAX_ATTEMPTS
    })
  }

  static async open(log: MemoryLog, program: Program): Promise<Job> {
    const job = new Job(log, program, await recover(log))
    job.buffer.recoverFromWal(job.report)
    await job.manager.recoverFromWal(job.report)
    return job
  }

  /** To the end of the program, from where its last logged row left it. */
  async finish(): Promise<Outcome> {
    await this.replayReady()
    for (let row = this.#row + 1; row <= this.#program.steps.length; row++) {
      await this.step(row)
      await this.replayReady()
    }
    for (const userId of this.buffer.users().sort()) await this.#replay(userId)
    return this.outcome()
  }

  /** Replays what is ready by now: when the last run died, and behind each row, as windows pass without one. */
  async replayReady(): Promise<void> {
    for (const userId of this.buffer.readyUsers()) await this.#replay(userId)
  }

  async step(row: number): Promise<void> {
    this.#row = row
    const step = this.#program.steps[row - 1]
    if (step === undefined) return
    if (step.do === 'clear') {
      this.buffer.clear(step.userId)
      return
    }
    const added = this.buffer.add(step.userId, measurementOf(row, step.hour, step.failures), { source: SOURCE, position: row })
    if (added.ready) await this.#replay(step.userId)
  }

  async #replay(userId: string): Promise<void> {
    while (!this.buffer.parkedUsers().includes(userId)) {
      const result = await this.manager.replay(userId)
      if (result.status === 'committed') return
    }
  }

  outcome(): Outcome {
    const users = [...new Set([...this.manager.states().keys(), ...this.buffer.users()])].sort()
    return {
      states: Object.fromEntries([...this.manager.states()].sort()),
      replayed: Object.fromEntries(users.map((userId) => [userId, this.manager.replayedMeasurements(userId)])),
      parked: this.manager.parkedUsers().sort(),
      waiting: Object.fromEntries(this.buffer.users().sort().map((userId) => [userId, this.buffer.measurements(userId)]))
    }
  }
}
