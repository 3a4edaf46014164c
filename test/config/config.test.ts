// Proves that config.toml has the keys and defaults that the contract names, that every key takes what is allowed up to its
// limits, and that whatever else is written there is an error that names the key, the value and what is allowed.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import { REPLAY_KEYS, WAL_KEYS } from '../../lib/config/keys.js'
import { defaultConfig, loadConfig, parseConfig, WalError, type Config } from '../../lib/index.js'

const DAY_MS = 86_400_000

function errorOf(text: string, name?: string): WalError {
  try {
    parseConfig(text, name)
  } catch (error) {
    if (error instanceof WalError) return error
    throw error
  }
  throw new Error(`${JSON.stringify(text)} was accepted`)
}

function sectionOf(config: Config, section: string): Record<string, unknown> {
  return (section === 'wal' ? config.wal : config.replay) as unknown as Record<string, unknown>
}

test('the defaults are those of the contract', () => {
  const defaults: Config = {
    wal: {
      directory: 'data/wal',
      segmentBytes: 100_000_000,
      batchIntervalMs: 100,
      batchBytes: 1_000_000,
      queueBytes: 16 * 1024 * 1024,
      checkpointBytes: 256_000_000,
      checkpointIntervalHours: 24,
      retentionDays: 7,
      diskBudgetBytes: 0,
      compression: 'gzip',
      archiveDirectory: '',
      onCorruption: 'skip',
      requireKillSafe: false,
      maintenance: true
    },
    replay: {
      bufferHours: 72,
      maxBufferMeasurements: 100,
      triggerMode: 'time_based',
      minMeasurements: 1,
      maxAttempts: 3,
      clock: 'wall'
    }
  }
  expect(defaultConfig()).toStrictEqual(defaults)
  expect(parseConfig('')).toStrictEqual(defaults)
  expect(parseConfig('[wal]\n[replay]\n')).toStrictEqual(defaults)
})

/** Section, key, property, values that are taken, values that are not (as TOML, and as errors show it). */
const KEYS: ReadonlyArray<readonly [string, string, string, readonly unknown[], ReadonlyArray<readonly [string, string]>]> = [
  ['wal', 'directory', 'directory', ['x', '/var/lib/wal'], [['""', '""'], ['3', '3'], ['"a\\u0000b"', '"a\\u0000b"']]],
  ['wal', 'segment_bytes', 'segmentBytes', [1_000_000], [['0', '0'], ['1.5', '1.5'], ['-1', '-1'], ['"100 MB"', '"100 MB"']]],
  ['wal', 'batch_interval_ms', 'batchIntervalMs', [1, DAY_MS], [['0', '0'], [`${DAY_MS + 1}`, `${DAY_MS + 1}`], ['true', 'true']]],
  ['wal', 'batch_bytes', 'batchBytes', [1, 500_000], [['0', '0'], ['nan', 'NaN']]],
  ['wal', 'queue_bytes', 'queueBytes', [1_048_576], [['1', '1'], ['1e30', '1e+30']]],
  ['wal', 'checkpoint_bytes', 'checkpointBytes', [1, 10_000_000], [['0', '0'], ['"256 MB"', '"256 MB"']]],
  ['wal', 'checkpoint_interval_hours', 'checkpointIntervalHours', [1, 876_000], [['0', '0'], ['0.5', '0.5'], ['876001', '876001']]],
  ['wal', 'retention_days', 'retentionDays', [1, 36_500], [['0', '0'], ['36501', '36501'], ['[7]', '[7]']]],
  ['wal', 'disk_budget_bytes', 'diskBudgetBytes', [0, 10 ** 12], [['-1', '-1'], ['inf', 'Infinity']]],
  ['wal', 'compression', 'compression', ['gzip', 'none'], [['"zstd"', '"zstd"'], ['true', 'true'], ['"GZIP"', '"GZIP"']]],
  ['wal', 'archive_directory', 'archiveDirectory', ['', 'old'], [['1', '1'], ['false', 'false']]],
  ['wal', 'on_corruption', 'onCorruption', ['skip', 'stop', 'fail'], [['"ignore"', '"ignore"'], ['""', '""']]],
  ['wal', 'require_kill_safe', 'requireKillSafe', [true, false], [['"yes"', '"yes"'], ['1', '1']]],
  ['wal', 'maintenance', 'maintenance', [true, false], [['"no"', '"no"'], ['0', '0']]],
  ['replay', 'buffer_hours', 'bufferHours', [0.5, 72, 878_400], [['0', '0'], ['-1', '-1'], ['878401', '878401'], ['inf', 'Infinity'], ['nan', 'NaN'], ['"72"', '"72"']]],
  ['replay', 'max_buffer_measurements', 'maxBufferMeasurements', [1, 10_000_000], [['0', '0'], ['10000001', '10000001'], ['2.5', '2.5']]],
  ['replay', 'trigger_mode', 'triggerMode', ['time_based', 'measurement_count'], [['"time"', '"time"'], ['{ a = 1 }', '{"a":1}']]],
  ['replay', 'min_measurements', 'minMeasurements', [1, 100], [['0', '0'], ['"1"', '"1"']]],
  ['replay', 'max_attempts', 'maxAttempts', [1, 1_000_000], [['0', '0'], ['1000001', '1000001']]],
  ['replay', 'clock', 'clock', ['wall', 'event'], [['"utc"', '"utc"'], ['1979-05-27T07:32:00Z', '"1979-05-27T07:32:00.000Z"']]]
]

test('-0 is 0', () => {
  expect(parseConfig('[wal]\ndisk_budget_bytes = -0.0\n').wal.diskBudgetBytes).toBe(0)
})

test('the table of this test has every key', () => {
  expect(KEYS.map(([section, key]) => `${section}.${key}`)).toEqual([
    ...WAL_KEYS.map((key) => `wal.${key.name}`),
    ...REPLAY_KEYS.map((key) => `replay.${key.name}`)
  ])
})

describe.each(KEYS)('[%s] %s', (section, key, property, taken, refused) => {
  test.each(taken.map((value) => [value]))('takes %j, and nothing else changes', (value) => {
    const config = parseConfig(`[${section}]\n${key} = ${JSON.stringify(value)}\n`)
    expect(sectionOf(config, section)[property]).toBe(value)
    const others = sectionOf(defaultConfig(), section)
    expect(sectionOf(config, section)).toStrictEqual({ ...others, [property]: value })
  })

  test.each(refused)('refuses %s, naming key, value and what is allowed', (toml, shown) => {
    const error = errorOf(`[${section}]\n${key} = ${toml}\n`, 'my.toml')
    expect(error.code).toBe('ERR_WAL_CONFIG')
    const allowed = [...WAL_KEYS, ...REPLAY_KEYS].find((each) => each.name === key)?.allowed
    expect(error.message).toBe(`my.toml: ${section}.${key} is ${shown}; allowed: ${allowed}`)
  })
})

test.each([
  ['[wal]\nsegment_size = 1', 'config: unknown key wal.segment_size; allowed: directory, segment_bytes, batch_interval_ms'],
  ['[replay]\ndirectory = "x"', 'config: unknown key replay.directory; allowed: buffer_hours, max_buffer_measurements'],
  ['[wal]\nsegmentBytes = 1', 'config: unknown key wal.segmentBytes; allowed: '],
  ['[log]\n', 'config: unknown section or key "log"; allowed: [wal], [replay]'],
  ['directory = "x"', 'config: unknown section or key "directory"; allowed: [wal], [replay]'],
  ['wal = 3', 'config: wal is 3; allowed: a section [wal]'],
  ['[[wal]]\ndirectory = "x"', 'config: wal is [{"directory":"x"}]; allowed: a section [wal]']
])('%j is refused, naming what is unknown and what is allowed', (text, message) => {
  const error = errorOf(text)
  expect(error.code).toBe('ERR_WAL_CONFIG')
  expect(error.message.startsWith(message), error.message).toBe(true)
})

test('more measurements to wait for than a buffer can have are refused', () => {
  const error = errorOf('[replay]\nmax_buffer_measurements = 10\nmin_measurements = 11')
  expect(error.code).toBe('ERR_WAL_CONFIG')
  expect(error.message).toBe('config: replay.min_measurements is 11; allowed: a whole number from 1 to max_buffer_measurements (10)')
})

test('what is not TOML is named with its line and column', () => {
  const error = errorOf('[wal]\ndirectory = \n', 'my.toml')
  expect(error.code).toBe('ERR_WAL_CONFIG')
  expect(error.message).toMatch(/^my\.toml is not TOML: line 2, column \d+: /)
})

describe('loadConfig', () => {
  const folder = mkdtempSync(join(tmpdir(), 'ingest-wal-config-'))
  afterAll(() => rmSync(folder, { recursive: true }))

  test('reads a file, and its errors name it', async () => {
    const path = join(folder, 'config.toml')
    writeFileSync(path, '[wal]\ndirectory = "logs"\n[replay]\nbuffer_hours = 24\n')
    const config = await loadConfig(path)
    expect(config.wal.directory).toBe('logs')
    expect(config.replay.bufferHours).toBe(24)
    writeFileSync(path, '[wal]\ndirectory = ""\n')
    await expect(loadConfig(path)).rejects.toMatchObject({ code: 'ERR_WAL_CONFIG', message: `${path}: wal.directory is ""; allowed: a path` })
  })

  test('a file that is not there, or is none, is told by name', async () => {
    const missing = join(folder, 'missing.toml')
    await expect(loadConfig(missing)).rejects.toMatchObject({ code: 'ERR_WAL_NOT_FOUND' })
    await expect(loadConfig(missing)).rejects.toThrow(`the configuration ${missing} cannot be read: `)
    await expect(loadConfig(folder)).rejects.toMatchObject({ code: 'ERR_WAL_IO' })
    await expect(loadConfig(folder)).rejects.toThrow(`the configuration ${folder} cannot be read: `)
  })
})
