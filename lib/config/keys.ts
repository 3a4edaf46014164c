/** Every key of config.toml: its name, its property in `Config`, its default, and what it accepts. */
import { native } from '../native.js'
import { MAX_BUFFER_HOURS, MAX_BUFFER_MEASUREMENTS } from '../replay/options.js'

export interface Key {
  name: string
  property: string
  default: unknown
  /** In words, for errors. */
  readonly allowed: string
  accepts(value: unknown): boolean
}

function wholeNumber(name: string, fallback: number, range: () => readonly [number, number]): Key {
  return {
    name,
    property: camelCase(name),
    default: fallback,
    get allowed() {
      const [least, most] = range()
      return `a whole number from ${least} to ${most}`
    },
    accepts(value) {
      const [least, most] = range()
      return typeof value === 'number' && Number.isInteger(value) && value >= least && value <= most
    }
  }
}

function oneOf(name: string, values: readonly string[]): Key {
  return {
    name,
    property: camelCase(name),
    default: values[0],
    allowed: values.map((value) => JSON.stringify(value)).join(', '),
    accepts: (value) => typeof value === 'string' && values.includes(value)
  }
}

function yesOrNo(name: string, fallback: boolean): Key {
  return {
    name,
    property: camelCase(name),
    default: fallback,
    allowed: 'true or false',
    accepts: (value) => typeof value === 'boolean'
  }
}

function path(name: string, fallback: string, allowed: string): Key {
  return {
    name,
    property: camelCase(name),
    default: fallback,
    allowed,
    accepts: (value) => typeof value === 'string' && !value.includes('\0') && (value !== '' || fallback === '')
  }
}

function camelCase(name: string): string {
  return name.replace(/_([a-z])/g, (_, letter: string) => letter.toUpperCase())
}

const DAY_MS = 24 * 3600 * 1000
const limits = (): ReturnType<typeof native>['limits'] => native().limits

export const WAL_KEYS: readonly Key[] = [
  path('directory', 'data/wal', 'a path'),
  wholeNumber('segment_bytes', 100_000_000, () => [limits().minSegmentBytes, limits().maxSegmentBytes]),
  wholeNumber('batch_interval_ms', 100, () => [1, DAY_MS]),
  wholeNumber('batch_bytes', 1_000_000, () => [1, limits().maxQueueBytes]),
  wholeNumber('queue_bytes', 16 * 1024 * 1024, () => [limits().minQueueBytes, limits().maxQueueBytes]),
  wholeNumber('checkpoint_bytes', 256_000_000, () => [1, Number.MAX_SAFE_INTEGER]),
  wholeNumber('checkpoint_interval_hours', 24, () => [1, 876_000]),
  wholeNumber('retention_days', 7, () => [1, 36_500]),
  wholeNumber('disk_budget_bytes', 0, () => [0, Number.MAX_SAFE_INTEGER]),
  oneOf('compression', ['gzip', 'none']),
  path('archive_directory', '', 'a path, or "" for none'),
  oneOf('on_corruption', ['skip', 'stop', 'fail']),
  yesOrNo('require_kill_safe', false),
  yesOrNo('maintenance', true)
]

export const REPLAY_KEYS: readonly Key[] = [
  {
    name: 'buffer_hours',
    property: 'bufferHours',
    default: 72,
    allowed: `a number above 0, up to ${MAX_BUFFER_HOURS}`,
    accepts: (value) => typeof value === 'number' && value > 0 && value <= MAX_BUFFER_HOURS
  },
  wholeNumber('max_buffer_measurements', 100, () => [1, MAX_BUFFER_MEASUREMENTS]),
  oneOf('trigger_mode', ['time_based', 'measurement_count']),
  wholeNumber('min_measurements', 1, () => [1, MAX_BUFFER_MEASUREMENTS]),
  wholeNumber('max_attempts', 3, () => [1, 1_000_000]),
  oneOf('clock', ['wall', 'event'])
]
