/** Proves when there are colours, and how figures are written. */
import { describe, expect, it } from 'vitest'
import { wantsColour } from '../../lib/cli/output.js'
import { formatCount, formatLsnRange, formatTable, formatTime } from '../../lib/cli/table.js'

describe('colours', () => {
  it.each([
    { environment: {}, terminal: true, colour: true },
    { environment: {}, terminal: false, colour: false },
    { environment: { TERM: 'dumb' }, terminal: true, colour: false },
    { environment: { NO_COLOR: '1' }, terminal: true, colour: false },
    { environment: { NO_COLOR: '' }, terminal: true, colour: true },
    { environment: { FORCE_COLOR: '1' }, terminal: false, colour: true },
    { environment: { FORCE_COLOR: '' }, terminal: false, colour: true },
    { environment: { FORCE_COLOR: '0' }, terminal: true, colour: false },
    { environment: { FORCE_COLOR: '3', NO_COLOR: '1' }, terminal: true, colour: false }
  ])('$environment, terminal: $terminal', ({ environment, terminal, colour }) => {
    expect(wantsColour(environment, terminal)).toBe(colour)
  })
})

describe('figures', () => {
  it('columns are as wide as they must be, and lines have no blanks at their end', () => {
    const columns = [{ title: 'A' }, { title: 'N', align: 'right' }, { title: 'LAST' }] as const
    expect(formatTable(columns, [['long', '1', 'x'], ['', '1,000', '']])).toBe('A         N  LAST\nlong      1  x\n      1,000\n')
  })

  it('counts have thousands marked', () => {
    expect([0, 999, 1000, 1234567].map(formatCount)).toEqual(['0', '999', '1,000', '1,234,567'])
  })

  it('a time that no date can show is still shown', () => {
    expect(formatTime(0)).toBe('1970-01-01T00:00:00.000Z')
    expect(formatTime(9e15)).toBe('9000000000000000 ms')
  })

  it('one LSN is no range', () => {
    expect([formatLsnRange(7, 7), formatLsnRange(7, 9)]).toEqual(['LSN 7', 'LSN 7-9'])
  })
})
