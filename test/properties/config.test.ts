// Proves that whatever stands in a config.toml, or is given in its place, is taken as it is or refused: never anything but a
// WalError, which names the key, the value and what is allowed; that one bad value is refused whatever stands beside it; and
// that what is taken can be written down and read again.
import fc from 'fast-check'
import { stringify } from 'smol-toml'
import { describe, expect, test } from 'vitest'
import { withOverrides } from '../../lib/config/config.js'
import { REPLAY_KEYS, WAL_KEYS, type Key } from '../../lib/config/keys.js'
import { defaultConfig, parseConfig, WalError, type Config } from '../../lib/index.js'
import { everyProgram } from './support.js'

const KEYS = [...WAL_KEYS.map((key) => ['wal', key] as const), ...REPLAY_KEYS.map((key) => ['replay', key] as const)]

function refusalOf(call: () => unknown): WalError | undefined {
  try {
    call()
    return undefined
  } catch (error) {
    expect(error).toBeInstanceOf(WalError)
    expect((error as WalError).code).toBe('ERR_WAL_CONFIG')
    return error as WalError
  }
}

// --- Values

const numbers = fc.oneof(fc.integer(), fc.integer({ min: -1, max: 5 }), fc.double(), fc.constantFrom(72, 100, 65_536, 1e9, 2 ** 53 - 1))
const words = fc.constantFrom('', 'gzip', 'none', 'skip', 'stop', 'fail', 'wall', 'event', 'time_based', 'measurement_count', 'a\0b', '__proto__')
const scalars = fc.oneof(numbers, words, fc.string(), fc.boolean(), fc.date({ noInvalidDate: true, min: new Date(0), max: new Date(4e12) }))
const tomlValues = fc.oneof(
  { weight: 6, arbitrary: scalars },
  { weight: 1, arbitrary: fc.array(fc.string(), { maxLength: 3 }) },
  { weight: 1, arbitrary: fc.dictionary(fc.string(), fc.integer(), { maxKeys: 3 }) }
)
/** What a program may give, and no file can say. */
const circular: Record<string, unknown> = {}
circular['itself'] = circular
const otherValues = fc.oneof(
  tomlValues,
  fc.bigInt(),
  fc.anything(),
  fc.constantFrom(null, Symbol('s'), () => 1, circular, new Map([[1, 2]]), Object.create(null) as object)
)

const names = fc.oneof(
  { weight: 8, arbitrary: fc.constantFrom(...KEYS) },
  { weight: 1, arbitrary: fc.constantFrom(...['__proto__', 'constructor', 'toString', 'segmentbytes', ''].map((name) => ['wal', { name, property: name }] as const)) }
)
/** Settings by section and key; values that a key takes come as often as any. */
function documents(values: fc.Arbitrary<unknown>, nameOf: (key: Pick<Key, 'name' | 'property'>) => string): fc.Arbitrary<Record<string, Record<string, unknown>>> {
  return fc.array(fc.tuple(names, fc.boolean(), values), { maxLength: 6 }).map((settings) => {
    const document: Record<string, Record<string, unknown>> = {}
    for (const [[section, key], isDefault, value] of settings) {
      const known = isDefault && 'default' in key ? key.default : value
      Object.defineProperty((document[section] ??= {}), nameOf(key), { value: known, enumerable: true, configurable: true })
    }
    return document
  })
}

/** Each of its settings on its own. */
function singlesOf<Value>(document: Record<string, Record<string, Value>>): Array<{ section: string; name: string; value: Value; alone: Record<string, Record<string, Value>> }> {
  return Object.entries(document).flatMap(([section, settings]) =>
    Object.entries(settings).map(([name, value]) => {
      const alone = Object.defineProperty({}, name, { value, enumerable: true }) as Record<string, Value>
      return { section, name, value, alone: { [section]: alone } }
    })
  )
}

/** Limits of two keys that depend on each other are told of the pair. */
const TOGETHER = 'max_buffer_measurements'

/** The whole is refused when one of its settings is, and says what that one says. */
function expectRefusedAsItsParts(whole: WalError | undefined, parts: ReadonlyArray<{ section: string; name: string; error: WalError | undefined }>): void {
  const refused = parts.filter(({ error }) => error !== undefined)
  for (const { section, name, error } of refused) {
    const message = error?.message ?? ''
    expect(message).toMatch(/; allowed: ./)
    if (!message.includes(TOGETHER)) expect(message).toContain(`${section}.${name}`)
  }
  if (whole === undefined) expect(refused.map(({ error }) => error?.message).filter((message) => !message?.includes(TOGETHER))).toEqual([])
  else if (!whole.message.includes(TOGETHER)) expect(refused.map(({ error }) => error?.message)).toContain(whole.message)
}

describe('a file', () => {
  test('of whatever characters is read, or refused by its name', async () => {
    const pieces = fc.constantFrom('[wal]', '[replay]', '[[wal]]', '\n', ' = ', '"', "'''", '#', '{', '}', '[', ']', '.', ',', 'segment_bytes', 'directory', '1e999', '99999999999999999999', '0x7f', 'nan', '2026-01-01', '\\u0000', '\ud800')
    const texts = fc.oneof(fc.string({ unit: 'binary' }), fc.array(fc.oneof(pieces, fc.string({ maxLength: 4 })), { maxLength: 20 }).map((parts) => parts.join('')))
    await everyProgram('texts', texts, 1000, (text) => {
      const error = refusalOf(() => parseConfig(text, 'my.toml'))
      if (error !== undefined) expect(error.message).toMatch(/^my\.toml(: | is not TOML: line \d+, column \d+: ).*/)
    })
  })

  test('of whatever keys and values: refused when one of them is, by its name', async () => {
    await everyProgram('documents', documents(tomlValues, ({ name }) => name), 1000, (document) => {
      const parts = singlesOf(document).map((single) => ({ ...single, error: refusalOf(() => parseConfig(stringify(single.alone))) }))
      const whole = refusalOf(() => parseConfig(stringify(document)))
      expectRefusedAsItsParts(whole, parts)
      if (whole !== undefined) return
      const config = parseConfig(stringify(document)) as unknown as Record<string, Record<string, unknown>>
      for (const { section, name, value } of parts) {
        const property = KEYS.find(([of, key]) => of === section && key.name === name)?.[1].property ?? ''
        expect(config[section]?.[property]).toBe(Object.is(value, -0) ? 0 : value)
      }
    })
  })
})

describe('settings given in place', () => {
  test('whatever they are: taken as they are, or refused by name', async () => {
    await everyProgram('settings', documents(otherValues, ({ property }) => property), 2000, (document) => {
      const apply = (settings: unknown): Config => withOverrides(defaultConfig(), settings as never)
      const parts = singlesOf(document).map((single) => ({ ...single, error: refusalOf(() => apply(single.alone)) }))
      const whole = refusalOf(() => apply(document))
      expectRefusedAsItsParts(whole, parts)
      if (whole !== undefined) return
      const config = apply(document) as unknown as Record<string, Record<string, unknown>>
      for (const { section, name, value } of parts) if (value !== undefined) expect(config[section]?.[name]).toBe(Object.is(value, -0) ? 0 : value)
    })
  })

  test('a section that is none is refused by name', async () => {
    const sections = fc.record({ section: fc.constantFrom('wal', 'replay', 'log', '__proto__'), value: otherValues })
    await everyProgram('sections', sections, 1000, ({ section, value }) => {
      const settings = Object.defineProperty({}, section, { value, enumerable: true })
      const error = refusalOf(() => withOverrides(defaultConfig(), settings))
      const isSection = section === 'wal' || section === 'replay'
      const isObject = typeof value === 'object' && value !== null && !Array.isArray(value)
      if (!isSection || (value !== undefined && !isObject)) expect(error?.message ?? 'taken').toContain(section)
    })
    for (const nothing of [null, 7, 'text', []]) {
      expect(refusalOf(() => withOverrides(defaultConfig(), nothing as never))?.message, String(nothing)).toMatch(/allowed: /)
    }
  })
})
