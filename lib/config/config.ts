/**
 * `config.toml`: section [wal] for the log, [replay] for buffers and replays. Every key is checked; an unknown key or a
 * value that is not allowed is an error that names the key, the value and what is allowed.
 */
import { readFile } from 'node:fs/promises'
import { inspect } from 'node:util'
import { parse, TomlError } from 'smol-toml'
import { WalError } from '../errors.js'
import { REPLAY_KEYS, WAL_KEYS, type Key } from './keys.js'

export interface WalConfig {
  directory: string
  segmentBytes: number
  batchIntervalMs: number
  batchBytes: number
  queueBytes: number
  /** Bytes logged, and hours, after which the next checkpoint is written. */
  checkpointBytes: number
  checkpointIntervalHours: number
  retentionDays: number
  /** 0: no limit. */
  diskBudgetBytes: number
  compression: 'gzip' | 'none'
  /** Where retired segments go; '' removes them. */
  archiveDirectory: string
  onCorruption: 'skip' | 'stop' | 'fail'
  requireKillSafe: boolean
  /** Whether the log looks after itself. */
  maintenance: boolean
}

export interface ReplayConfig {
  bufferHours: number
  maxBufferMeasurements: number
  triggerMode: 'time_based' | 'measurement_count'
  minMeasurements: number
  maxAttempts: number
  clock: 'wall' | 'event'
}

export interface Config {
  wal: WalConfig
  replay: ReplayConfig
}

/** Settings given in place; each replaces the configuration's. */
export interface ConfigOverrides {
  wal?: Partial<WalConfig>
  replay?: Partial<ReplayConfig>
}

/** The configuration with every value at its default. */
export function defaultConfig(): Config {
  return { wal: section('wal', WAL_KEYS, {}) as unknown as WalConfig, replay: section('replay', REPLAY_KEYS, {}) as unknown as ReplayConfig }
}

/**
 * Reads a TOML file. Throws `ERR_WAL_NOT_FOUND` or `ERR_WAL_IO` when it cannot be read, `ERR_WAL_CONFIG` when it is not
 * TOML, has an unknown key or a value that is not allowed.
 */
export async function loadConfig(path: string): Promise<Config> {
  let text: string
  try {
    text = await readFile(path, 'utf8')
  } catch (cause) {
    const missing = (cause as NodeJS.ErrnoException).code === 'ENOENT'
    throw new WalError(missing ? 'ERR_WAL_NOT_FOUND' : 'ERR_WAL_IO', `the configuration ${path} cannot be read: ${(cause as Error).message}`, { cause })
  }
  return parseConfig(text, path)
}

/** The configuration that a TOML text says; `name` is what errors call it. Throws `ERR_WAL_CONFIG`. */
export function parseConfig(text: string, name = 'config'): Config {
  let document: Record<string, unknown>
  try {
    document = parse(text)
  } catch (cause) {
    if (!(cause instanceof TomlError)) throw cause
    throw new WalError('ERR_WAL_CONFIG', `${name} is not TOML: line ${cause.line}, column ${cause.column}: ${cause.message.split('\n')[0]}`, { cause })
  }
  for (const key of Object.keys(document)) {
    if (key !== 'wal' && key !== 'replay') throw new WalError('ERR_WAL_CONFIG', `${name}: unknown section or key ${JSON.stringify(key)}; allowed: [wal], [replay]`)
  }
  try {
    const config = {
      wal: section('wal', WAL_KEYS, document['wal']) as unknown as WalConfig,
      replay: section('replay', REPLAY_KEYS, document['replay']) as unknown as ReplayConfig
    }
    checkTogether(config.replay)
    return config
  } catch (error) {
    if (error instanceof WalError) throw new WalError(error.code, `${name}: ${error.message}`)
    throw error
  }
}

/** A buffer that is full before it has what it waits for would never wait. */
function checkTogether({ minMeasurements, maxBufferMeasurements }: ReplayConfig): void {
  if (minMeasurements <= maxBufferMeasurements) return
  throw new WalError(
    'ERR_WAL_CONFIG',
    `replay.min_measurements is ${minMeasurements}; allowed: a whole number from 1 to max_buffer_measurements (${maxBufferMeasurements})`
  )
}

function section(name: string, keys: readonly Key[], given: unknown = {}): Record<string, unknown> {
  if (!isSettings(given)) throw new WalError('ERR_WAL_CONFIG', `${name} is ${shown(given)}; allowed: a section [${name}]`)
  const values = given as Record<string, unknown>
  for (const key of Object.keys(values)) {
    if (!keys.some((known) => known.name === key)) throw unknownKey(`${name}.${key}`, keys.map((known) => known.name))
  }
  const resolved: Record<string, unknown> = {}
  for (const key of keys) {
    const value = values[key.name] ?? key.default
    resolved[key.property] = checkedValue(`${name}.${key.name}`, key, value)
  }
  return resolved
}

/** `config` with settings given in place, checked like those of a file. Throws `ERR_WAL_CONFIG`. */
export function withOverrides(config: Config, overrides: ConfigOverrides = {}): Config {
  if (!isSettings(overrides)) throw new WalError('ERR_WAL_CONFIG', `settings are ${shown(overrides)}; allowed: an object with wal and replay`)
  for (const key of Object.keys(overrides)) {
    if (key !== 'wal' && key !== 'replay') throw unknownKey(key, ['wal', 'replay'])
  }
  const result = {
    wal: overridden('wal', WAL_KEYS, config.wal, overrides.wal),
    replay: overridden('replay', REPLAY_KEYS, config.replay, overrides.replay)
  }
  checkTogether(result.replay)
  return result
}

function overridden<Section extends object>(name: string, keys: readonly Key[], base: Section, given: Partial<Section> = {}): Section {
  if (!isSettings(given)) throw new WalError('ERR_WAL_CONFIG', `${name} is ${shown(given)}; allowed: an object`)
  const resolved = { ...base }
  for (const [property, value] of Object.entries(given)) {
    if (value === undefined) continue
    const key = keys.find((known) => known.property === property)
    if (key === undefined) throw unknownKey(`${name}.${property}`, keys.map((known) => known.property))
    Object.assign(resolved, { [property]: checkedValue(`${name}.${property}`, key, value) })
  }
  return resolved
}

function checkedValue(name: string, key: Key, value: unknown): unknown {
  // -0 is written as 0 wherever a setting is shown; it is one.
  if (key.accepts(value)) return Object.is(value, -0) ? 0 : value
  throw new WalError('ERR_WAL_CONFIG', `${name} is ${shown(value)}; allowed: ${key.allowed}`)
}

function isSettings(value: unknown): value is object {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** As JSON has it, where it can say it. */
function shown(value: unknown): string {
  if (typeof value === 'number') return String(value)
  try {
    return JSON.stringify(value) ?? inspect(value)
  } catch {
    return inspect(value)
  }
}

function unknownKey(name: string, known: readonly string[]): WalError {
  return new WalError('ERR_WAL_CONFIG', `unknown key ${name}; allowed: ${known.join(', ')}`)
}
