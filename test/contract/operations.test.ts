/** Proves that docs/operations.md has every setting with its default and limits, and every exit code, and no others. */
import { describe, expect, it } from 'vitest'
import { ExitCode } from '../../lib/cli/exit-codes.js'
import { parseConfig, WalError } from '../../lib/index.js'
import { REPLAY_KEYS, WAL_KEYS } from '../../lib/config/keys.js'
import { tableRowsOf } from './format-page.js'

const PAGE = 'docs/operations.md'
const settings = tableRowsOf(PAGE, 'Settings', 'Section', 'Key', 'Default', 'Allowed')

it('the settings are those of the configuration, in order, with their defaults', () => {
  const documented = settings.map((row) => [row['Section'], row['Key'], JSON.parse(row['Default'] as string) as unknown])
  const declared = [
    ...WAL_KEYS.map((key) => ['wal', key.name, key.default]),
    ...REPLAY_KEYS.map((key) => ['replay', key.name, key.default])
  ]
  expect(documented).toEqual(declared)
})

describe('the limits are those of the configuration', () => {
  const numeric = settings.filter((row) => / to /.test(row['Allowed'] as string) && !/\^/.test(row['Allowed'] as string))
  it.each(numeric.map((row) => [`${row['Section']}.${row['Key']}`, row['Allowed'] as string]))('%s: %s', (name, allowed) => {
    const [section = '', key = ''] = name.split('.')
    const [least, most] = allowed.replace(/^above | |,/g, '').split('to') as [string, string]
    const parse = (value: number): unknown => parseConfig(`[${section}]\n${key} = ${value}`)
    const isOpen = allowed.startsWith('above')
    if (!isOpen) expect(() => parse(Number(least))).not.toThrow()
    expect(() => parse(isOpen ? Number(least) : Number(least) - 1)).toThrow(WalError)
    // min_measurements ends at another setting, which has a default.
    const end = /^\d+$/.test(most) ? Number(most) : 100
    expect(() => parse(end)).not.toThrow()
    expect(() => parse(end + 1)).toThrow(WalError)
  })
})

it('the exit codes are those of the command line', () => {
  const documented = tableRowsOf(PAGE, 'Exit codes', 'Code', 'Means').map((row) => Number(row['Code']))
  expect(documented).toEqual(Object.values(ExitCode))
})
