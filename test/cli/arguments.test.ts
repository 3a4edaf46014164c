/** Proves how option values are read, and that what is wrong is named with what is allowed. */
import { describe, expect, it } from 'vitest'
import { moment, operationList, wholeNumber } from '../../lib/cli/arguments.js'
import { Operation } from '../../lib/index.js'

const NOW = Date.parse('2026-01-31T12:00:00Z')

describe('moment', () => {
  const read = moment(() => NOW)
  it.each([
    ['90s', NOW - 90_000],
    ['15m', NOW - 15 * 60_000],
    ['2h', NOW - 2 * 3_600_000],
    ['7d', NOW - 7 * 86_400_000],
    ['2026-01-31T10:00:00Z', NOW - 2 * 3_600_000],
    ['2026-01-31T10:00:00+02:00', NOW - 4 * 3_600_000],
    ['2026-01-31', NOW - 12 * 3_600_000],
    ['1769860800000', NOW]
  ])('%s', (text, expected) => {
    expect(read(text)).toBe(expected)
  })

  it.each(['', 'yesterday', '15', '15 m', '-1h', '2026-13-01', '1e3', 'NaN'])('refuses %j', (text) => {
    expect(() => read(text)).toThrow('ISO 8601')
  })
})

describe('wholeNumber', () => {
  it.each(['', '-1', '1.5', '1e3', '0x10', '9007199254740993', 'many'])('refuses %j', (text) => {
    expect(() => wholeNumber(1)(text)).toThrow('a whole number from 1 to 9007199254740991')
  })

  it('takes its bounds', () => {
    expect(wholeNumber(1)('1')).toBe(1)
    expect(wholeNumber(1)('9007199254740991')).toBe(Number.MAX_SAFE_INTEGER)
    expect(() => wholeNumber(1)('0')).toThrow('from 1')
  })
})

describe('operationList', () => {
  it('takes names in any case, with commas and again', () => {
    expect(operationList('commit, add-measurement', [Operation.ROLLBACK])).toEqual([
      Operation.ROLLBACK,
      Operation.COMMIT,
      Operation.ADD_MEASUREMENT
    ])
  })

  it.each(['', 'COMIT', 'constructor', '5'])('refuses %j', (text) => {
    expect(() => operationList(text)).toThrow('START_BUFFER, ADD_MEASUREMENT')
  })
})
