// What has to hold of a config.toml, whatever bytes it has: it is taken or refused, by an error that names the file and what is
// allowed; what is taken can be written down and read again; and nothing else changes. Under libFuzzer: `npm run fuzz -- --target
// config`; what that left, in each run of the tests: config-corpus.test.ts.
import { deepStrictEqual, ok } from 'node:assert'
import { stringify } from 'smol-toml'
import { REPLAY_KEYS, WAL_KEYS, type Key } from '../../lib/config/keys.js'
import { parseConfig, WalError } from '../../lib/index.js'

export const largestBytes = 1024

const NAME = 'my.toml'
const NOT_TOML = /^my\.toml is not TOML: line \d+, column \d+: ./
const REFUSED = /^my\.toml: [^]*; allowed: ./

const SECTIONS = { wal: WAL_KEYS, replay: REPLAY_KEYS } as const

type Settings = Record<string, Record<string, unknown>>

/** Throws when something does not hold. True when the bytes are a configuration that is taken. */
export function check(bytes: Uint8Array): boolean {
  const taken = read(Buffer.from(bytes).toString('utf8'))
  const inherited: string[] = []
  for (const name in {}) inherited.push(name)
  deepStrictEqual(inherited, [], 'the prototype of all objects has changed')
  if (taken === undefined) return false
  for (const [section, keys] of sections()) {
    deepStrictEqual(Object.keys(taken[section] ?? {}).sort(), keys.map(({ property }) => property).sort())
    for (const { name, property } of keys) ok(isOfItsKind(taken[section]?.[property]), `${section}.${name}: ${String(taken[section]?.[property])} is taken`)
  }
  ok(Number(taken['replay']?.['minMeasurements']) <= Number(taken['replay']?.['maxBufferMeasurements']), 'a buffer is full before it has what it waits for')
  deepStrictEqual(read(written(taken)), taken, 'what is taken is not what was written')
  return true
}

/** No setting is anything else. The limits of each are `test/config` and `test/properties/config.test.ts`. */
function isOfItsKind(value: unknown): boolean {
  if (typeof value === 'number') return value >= 0 && value <= Number.MAX_SAFE_INTEGER
  return typeof value === 'boolean' || (typeof value === 'string' && !value.includes('\0'))
}

function sections(): Array<[string, readonly Key[]]> {
  return Object.entries(SECTIONS)
}

function read(text: string): Settings | undefined {
  try {
    return parseConfig(text, NAME) as unknown as Settings
  } catch (error) {
    if (!(error instanceof WalError) || error.code !== 'ERR_WAL_CONFIG') throw error
    ok(NOT_TOML.test(error.message) || REFUSED.test(error.message), `an error that does not say what is wrong: ${error.message}`)
    return undefined
  }
}

/** The settings as a file has them. */
function written(settings: Settings): string {
  return fileOf((section, { property }) => settings[section]?.[property])
}

function fileOf(valueOf: (section: string, key: Key) => unknown): string {
  const entries = (section: string, keys: readonly Key[]): Array<[string, unknown]> => keys.map((key) => [key.name, valueOf(section, key)])
  return stringify(Object.fromEntries(sections().map(([section, keys]) => [section, Object.fromEntries(entries(section, keys))])))
}

export const seeds: readonly string[] = [
  '',
  fileOf((_, key) => key.default),
  fileOf((_, key) => (typeof key.default === 'number' ? 2 : key.default)),
  "wal = { segment_bytes = 65_536, on_corruption = 'stop' } # comment\nreplay.clock = \"event\"\n",
  '[wal]\ndirectory = """\n a\\u00e9 \\\n b"""\narchive_directory = \'\'\'x\'\'\'\n[replay]\nbuffer_hours = 7.25e1\nmin_measurements = 0x10\n',
  '[[wal]]\n[replay]\nmax_attempts = 1979-05-27T07:32:00Z\nclock = [true, nan, -inf, "\\x7f"]\n'
]

/** What a value may be, and may not. */
const VALUES: readonly string[] = [
  ...['true', 'false', '"gzip"', '"none"', '"skip"', '"stop"', '"fail"', '"wall"', '"event"', '"time_based"', '"measurement_count"', '""', '"a\\u0000"', '"\\ud800"'],
  ...['0', '1', '-1', '2', '65535', '65536', '9007199254740991', '9007199254740992', '0x7f', '0o17', '0b11', '1_000', '-0.0', '0.5', '1e308', '1e999', 'inf', '-inf', 'nan'],
  ...['1979-05-27', '07:32:00', '1979-05-27T07:32:00Z', '[]', '[1, "a"]', '{}', '{ a = 1 }', "'''a'''", '"""a\n"""']
]

/** Words of such files, for libFuzzer. */
export const words: readonly string[] = [
  ...sections().flatMap(([section, keys]) => [`[${section}]\n`, `${section}.`, ...keys.map(({ name }) => `${name} = `)]),
  ...VALUES,
  ...["'''", '"""', '\\u0000', '\\U0010ffff', '[[', ']]', '{ ', ' }', '__proto__', 'constructor', 'toString', '\r\n', '\0', '\ufeff', '\ud83d\ude00', '# ']
]

/** One setting more, or another value for one that is there: single bytes seldom come to that. `random`: a whole number. */
export function mutate(bytes: Uint8Array, random: number): Uint8Array {
  const dice = { left: random }
  const [section, keys] = oneOf(sections(), dice)
  const setting = `${oneOf(keys, dice).name} = `
  const value = oneOf(VALUES, dice)
  // latin1: each byte is a character, and stays what it is.
  const text = Buffer.from(bytes).toString('latin1')
  const at = text.indexOf(setting)
  const header = `[${section}]\n`
  const changed =
    at !== -1 ? `${text.slice(0, at)}${setting}${value}${text.slice(at).replace(/^.*/, '')}`
    : text.includes(header) ? text.replace(header, () => `${header}${setting}${value}\n`)
    : `${text}\n${header}${setting}${value}\n`
  return Buffer.from(changed, 'latin1')
}

function oneOf<Item>(items: readonly Item[], dice: { left: number }): Item {
  const item = items[dice.left % items.length]
  dice.left = Math.floor(dice.left / items.length)
  if (item === undefined) throw new RangeError('nothing to choose from')
  return item
}
