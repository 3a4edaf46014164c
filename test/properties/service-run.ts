// Runs a program on a real service, with its log on real files, and on the model, and compares all that they hold behind each step.
import { expect } from 'vitest'
import { openReplayService, type Measurement, type ReplayContext, type ReplayResult, type ReplayService, type WalError } from '../../lib/index.js'
import { CrashImage } from './crash-image.js'
import { HOUR_MS, ServiceModel, type Interruption, type Outcome, type Row, type Rules, type State } from './service-model.js'
import type { ServiceProgram, Step, WhileReplaying } from './service-program.js'

type ReplayStep = Extract<Step, { do: 'replay' }>

const SOURCE = 7
const MOST_FAILURES = 8
/** Nothing is flushed by itself: what is durable is what was made so. */
const WAL = { segmentBytes: 1 << 16, queueBytes: 1 << 18, batchIntervalMs: HOUR_MS, batchBytes: 1 << 20 }

/** What programs came to, all of them: so that a test which never gets somewhere is noticed. */
export const reached = {
  outcomes: { committed: 0, rolled_back: 0, aborted: 0, crashed: 0 },
  interrupted: { die: 0, 'cut power': 0, abort: 0, add: 0 },
  parked: 0,
  /** Rows that a power cut took. */
  lost: 0
}

/** Every other row is numbers alone, which the log keeps otherwise than the rest. */
function measurementOf({ row, timestamp, failures }: Row): Measurement {
  return row % 2 === 0 ? { timestamp, row, failures } : { timestamp, value: row * MOST_FAILURES + failures }
}

function rowOf({ timestamp, row, failures, value }: Measurement): Row {
  if (value === undefined) return { row: row as number, timestamp: timestamp as number, failures: failures as number }
  return { row: Math.floor((value as number) / MOST_FAILURES), timestamp: timestamp as number, failures: (value as number) % MOST_FAILURES }
}

export class ServiceRun {
  readonly #directory: string
  readonly #model: ServiceModel
  #service!: ReplayService<State>
  /** Number of the step that runs, from 1: the row of the source. */
  #row = 0
  /** Measurements that the running replay has processed, and what comes in between. */
  #processed = 0
  #interruption: Interruption | undefined
  #abort = new AbortController()
  #image: CrashImage | undefined

  private constructor(directory: string, rules: Rules) {
    this.#directory = directory
    this.#model = new ServiceModel(rules)
  }

  static async of(directory: string, { rules, steps }: ServiceProgram): Promise<void> {
    const run = new ServiceRun(directory, rules)
    await run.#open(rules)
    try {
      for (const step of steps) {
        run.#row++
        await run.#step(step)
        expect(run.#holdings()).toStrictEqual(run.#model.holdings())
      }
    } finally {
      await run.#service.close()
    }
  }

  async #open(rules: Rules): Promise<void> {
    this.#model.rules = rules
    this.#service = await openReplayService<State>({
      config: { wal: { directory: this.#directory, ...WAL }, replay: rules },
      processMeasurement: (state, measurement, context) => this.#process(state, measurement, context),
      initialState: { rows: [] },
      now: () => this.#model.nowMs
    })
    const { recovery, wal } = this.#service
    expect(recovery.damage).toEqual([])
    expect(recovery.tainted).toEqual([])
    expect(recovery.sources.get(SOURCE)?.position ?? 0).toBe(this.#model.position)
    expect(wal.health()).toEqual({ status: 'ok', reasons: [] })
    expect(this.#holdings()).toStrictEqual(this.#model.holdings())
    // What was staged is durable once it was taken over.
    this.#model.synced()
  }

  async #step(step: Step): Promise<void> {
    const { buffer, manager, wal } = this.#service
    const model = this.#model
    switch (step.do) {
      case 'add':
        this.#add(step.userId, { row: this.#row, timestamp: step.hour * HOUR_MS, failures: step.failures })
        return
      case 'replay':
        return this.#replay(step)
      case 'replay ready': {
        const users = model.readyUsers()
        const results = await manager.replayReady()
        expect(results.map(({ userId }) => userId).sort()).toEqual(users)
        for (const result of results) expectOutcome(result, model.replay(result.userId))
        return
      }
      case 'clear':
        expect(buffer.clear(step.userId)).toBe(model.clear(step.userId))
        return
      case 'pass time':
        model.nowMs += step.hours * HOUR_MS
        return
      case 'durable':
        await wal.durable()
        return model.synced()
      case 'checkpoint':
        if (wal.lastLsn > 0) await wal.checkpoint()
        return model.synced()
      case 'compact':
        await wal.compact({ drop: step.drop })
        return model.synced()
      case 'close':
        await this.#service.close()
        return this.#open(step.then)
      case 'die':
      case 'cut power':
        this.#image = await CrashImage.of(wal)
        return this.#crash(step.do, step.then)
    }
  }

  #add(userId: string, row: Row): void {
    const { size, ready, reason } = this.#service.buffer.add(userId, measurementOf(row), { source: SOURCE, position: row.row })
    expect({ size, ready, reason }).toEqual(this.#model.add(userId, row))
  }

  /** Puts what was there at the moment of the crash in the place of what came since. */
  async #crash(how: 'die' | 'cut power', then: Rules): Promise<void> {
    await this.#service.close()
    this.#image?.putBack({ ring: how === 'die' })
    this.#image = undefined
    const { position } = this.#model
    if (how === 'cut power') this.#model.cutPower()
    reached.lost += position - this.#model.position
    await this.#open(then)
  }

  // --- Replays

  async #replay({ userId, interruption }: ReplayStep): Promise<void> {
    const { buffer, manager } = this.#service
    this.#processed = 0
    this.#abort = new AbortController()
    this.#interruption = interruption && interruptionOf(interruption, this.#row)
    let outcome: ReplayResult<State> | 'aborted' | 'crashed'
    try {
      outcome = await manager.replay(userId, { signal: this.#abort.signal })
    } catch (error) {
      expect((error as WalError).code).toBe('ERR_WAL_ABORTED')
      outcome = 'aborted'
    }
    if (this.#image !== undefined) outcome = 'crashed'
    expectOutcome(outcome, this.#model.replay(userId, this.#interruption))
    this.#interruption = undefined
    reached.parked += buffer.stats().parkedBuffers
    if (outcome === 'crashed' && (interruption?.do === 'die' || interruption?.do === 'cut power')) await this.#crash(interruption.do, interruption.then)
  }

  /** A copy of the state and the measurement is the processor's own: it may spoil them. */
  async #process(state: State, measurement: Measurement, { userId, attempts }: ReplayContext): Promise<State | undefined> {
    const { row, failures } = rowOf(measurement)
    this.#processed++
    if (this.#processed === this.#interruption?.at) await this.#interrupt(this.#interruption, userId)
    state.rows.push(row)
    Object.assign(measurement, { row: NaN, value: NaN })
    if (failures > attempts) throw new Error(`row ${row} is not for attempt ${attempts}`)
    return row % 3 === 0 ? { rows: [...state.rows] } : undefined
  }

  /** In the midst of a replay of the user. */
  async #interrupt(interruption: Interruption, userId: string): Promise<void> {
    const { buffer, manager, wal } = this.#service
    expect(() => buffer.clear(userId)).toThrow(expect.objectContaining({ code: 'ERR_WAL_REPLAY' }) as Error)
    await expect(manager.replay(userId)).rejects.toMatchObject({ code: 'ERR_WAL_REPLAY' })
    reached.interrupted[interruption.do]++
    if (interruption.do === 'add') buffer.add(userId, measurementOf(interruption.row), { source: SOURCE, position: interruption.row.row })
    else if (interruption.do === 'abort') this.#abort.abort()
    else this.#image = await CrashImage.of(wal)
  }

  /** Everything that the service says of itself, as the model says it. */
  #holdings(): unknown {
    const { buffer, manager } = this.#service
    const states = [...manager.states()].sort()
    return {
      waiting: buffer.users().sort().map((userId) => [userId, this.#buffersOf(userId)]),
      states,
      replayed: states.map(([userId]) => [userId, manager.replayedMeasurements(userId)]),
      ready: buffer.readyUsers().sort(),
      parked: manager.parkedUsers().sort()
    }
  }

  #buffersOf(userId: string): unknown {
    const { buffer } = this.#service
    const rows = buffer.measurements(userId).map(rowOf)
    return buffer.info(userId)?.buffers.map(({ number, windowStart, windowEnd, maxMeasurements, minMeasurements, ended, attempts, parked, size, tainted }) => {
      expect(tainted).toBe(false)
      const limits = { windowStart, windowEnd, maxMeasurements, minMeasurements }
      return { number, ...limits, rows: rows.splice(0, size), ended, attempts, parked }
    })
  }
}

function interruptionOf({ at, do: what, add }: WhileReplaying, row: number): Interruption {
  if (what !== 'add') return { at, do: what }
  return { at, do: what, row: { row, timestamp: add.hour * HOUR_MS, failures: add.failures } }
}

function expectOutcome(found: ReplayResult<State> | 'aborted' | 'crashed', expected: Outcome | 'aborted' | 'crashed'): void {
  reached.outcomes[typeof found === 'string' ? found : found.status]++
  if (typeof found === 'string' || typeof expected === 'string') return expect(found).toBe(expected)
  const { status, buffers, measurements, state, attempts, parked } = found
  expect({ status, buffers, measurements, state, attempts, parked }).toStrictEqual(expected)
}
