/** `openReplayService`: log, buffers, replays and recovery of one service, opened together. */
import { defaultConfig, loadConfig, withOverrides, type Config, type ConfigOverrides } from '../config/config.js'
import { recover } from '../recovery/recover.js'
import type { RecoveryReport } from '../recovery/report.js'
import { ReplayBuffer } from '../replay/buffer.js'
import type { Codec } from '../replay/codec.js'
import { ReplayManager, type MeasurementProcessor } from '../replay/manager.js'
import type { StateStore } from '../replay/state-store.js'
import type { ReplayMetrics, WalMetrics } from '../metrics/catalogue.js'
import { healthValues, replayMetrics } from '../metrics/values.js'
import { serviceHealthOf, type WalHealth } from '../wal/health.js'
import { Wal } from '../wal/wal.js'

const HOUR_MS = 3_600_000

export interface ReplayServiceOptions<State> {
  /** Path of a config.toml, or settings given in place; none: the defaults. */
  config?: string | ConfigOverrides
  /** Settings that replace the configuration's. */
  overrides?: ConfigOverrides
  processMeasurement: MeasurementProcessor<State>
  initialState?: State | ((userId: string) => State)
  stateStore?: StateStore<State>
  codec?: Codec
  /** The wall clock, milliseconds since the Unix epoch (Date.now). */
  now?: () => number
  /** Whether a replay resolves only when its outcome is on stable storage (true). */
  waitDurable?: boolean
  signal?: AbortSignal
}

export class ReplayService<State = unknown> {
  readonly wal: Wal
  readonly buffer: ReplayBuffer
  readonly manager: ReplayManager<State>
  /** What this start found. */
  readonly recovery: RecoveryReport
  readonly config: Config

  /** @internal */
  constructor(parts: Pick<ReplayService<State>, 'wal' | 'buffer' | 'manager' | 'recovery' | 'config'>) {
    this.wal = parts.wal
    this.buffer = parts.buffer
    this.manager = parts.manager
    this.recovery = parts.recovery
    this.config = parts.config
  }

  /** The log's health, with parked replays ('degraded') and damaged buffers ('damaged') added. */
  health(): WalHealth {
    return serviceHealthOf(this.wal.health(), {
      parkedUsers: this.manager.parkedUsers(),
      taintedBuffers: this.buffer.stats().taintedBuffers
    })
  }

  /** `wal.metrics` with those of buffers and replays; they look at every buffer. Health is that of the service. */
  get metrics(): WalMetrics & ReplayMetrics {
    return this.#metricsWith(this.wal.metrics)
  }

  /** The same after a look at the disk, which the event loop does not wait for. */
  async collectMetrics(): Promise<WalMetrics & ReplayMetrics> {
    return this.#metricsWith(await this.wal.collectMetrics())
  }

  #metricsWith(log: WalMetrics): WalMetrics & ReplayMetrics {
    const replay = replayMetrics(this.buffer.stats(), this.manager.stats())
    return { ...log, ...replay, wal_health: healthValues(this.health()) }
  }

  /** Makes everything durable and closes the log. Buffers stay in the log for the next start. */
  async close(): Promise<void> {
    await this.wal.close()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close()
  }
}

/**
 * Opens the log, recovers, and gives buffers and states back as they were. What is ready is listed by
 * `service.recovery.readyUsers` and replayed by `service.manager.replayReady()`.
 * Throws what `loadConfig`, `Wal.open` and `recover` throw; the log is closed again then.
 */
export async function openReplayService<State = unknown>(options: ReplayServiceOptions<State>): Promise<ReplayService<State>> {
  const config = await configOf(options)
  const { checkpointIntervalHours, ...settings } = config.wal
  const wal = await Wal.open({
    ...settings,
    checkpointIntervalMs: checkpointIntervalHours * HOUR_MS,
    ...(options.signal === undefined ? {} : { signal: options.signal })
  })
  try {
    return await assemble(wal, config, options)
  } catch (error) {
    await wal.close()
    throw error
  }
}

async function assemble<State>(wal: Wal, config: Config, options: ReplayServiceOptions<State>): Promise<ReplayService<State>> {
  const { maxAttempts, ...bufferSettings } = config.replay
  const { codec, now, stateStore, signal, processMeasurement, waitDurable } = options
  const buffer = new ReplayBuffer({
    ...bufferSettings,
    wal,
    ...(codec === undefined ? {} : { codec }),
    ...(now === undefined ? {} : { now })
  })
  const manager = new ReplayManager<State>({
    buffer,
    processMeasurement,
    maxAttempts,
    ...(options.initialState === undefined ? {} : { initialState: options.initialState }),
    ...(stateStore === undefined ? {} : { stateStore }),
    ...(waitDurable === undefined ? {} : { waitDurable })
  })
  const recovery = await recover(wal, { codec: buffer.codec, ...(signal === undefined ? {} : { signal }) })
  buffer.recoverFromWal(recovery)
  await manager.recoverFromWal(recovery)
  return new ReplayService({ wal, buffer, manager, recovery, config })
}

async function configOf(options: Pick<ReplayServiceOptions<never>, 'config' | 'overrides'>): Promise<Config> {
  const { config, overrides } = options
  const base = typeof config === 'string' ? await loadConfig(config) : withOverrides(defaultConfig(), config)
  return withOverrides(base, overrides)
}
