// Proves that the error codes have one source: those of native/core/status.h are those of the loaded module, every one of them is
// in the catalogue of lib/errors.ts, and docs/errors.md explains each code of the catalogue and no other.
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { errorCatalogue, WalError, type WalErrorCode } from '../../lib/index.js'
import { native } from '../../lib/native.js'

const ROOT = join(import.meta.dirname, '../..')

function readText(path: string): string {
  return readFileSync(join(ROOT, path), 'utf8')
}

const catalogued = Object.keys(errorCatalogue) as WalErrorCode[]

test('the codes of status.h are those of the loaded module, in order, OK first', () => {
  const listed = [...readText('native/core/status.h').matchAll(/X\(k\w+, "(\w+)"\)/g)].map((match) => match[1])
  expect(listed[0]).toBe('OK')
  expect(listed).toEqual(native().errorCodes)
})

test('every code of the native core is in the catalogue', () => {
  expect(catalogued).toEqual(expect.arrayContaining(native().errorCodes.slice(1)))
})

describe('docs/errors.md', () => {
  /** Code -> text of the section that explains it. */
  function sections(): Map<string, string> {
    const found = readText('docs/errors.md').matchAll(/^## `?(ERR_WAL_\w+)`?\n([^]*?)(?=^## |(?![^]))/gm)
    return new Map([...found].map(([, code = '', text = '']) => [code, text.replace(/\s+/g, ' ')]))
  }

  test('has a heading for every code of the catalogue and for no other', () => {
    expect([...sections().keys()].sort()).toEqual(catalogued.toSorted())
  })

  test.each(catalogued)('%s: says in the words of the catalogue what happened', (code) => {
    expect(sections().get(code)).toContain(errorCatalogue[code])
  })
})

test('every code that the sources mention is in the catalogue', () => {
  const files = readdirSync(join(ROOT, 'lib'), { recursive: true, encoding: 'utf8' }).filter((file) => file.endsWith('.ts'))
  expect(files).toContain('wal/wal.ts')
  for (const file of files) {
    const mentioned = readText(join('lib', file)).match(/\bERR_WAL_[A-Z_]*[A-Z]\b/g) ?? []
    for (const code of mentioned) expect(catalogued, `lib/${file} mentions ${code}`).toContain(code)
  }
})

test('a WalError carries its code, and the place and the cause where there are any', () => {
  const cause = new Error('disk')
  const error = new WalError('ERR_WAL_IO', 'reading failed', { lsn: 7, segment: 2, offset: 8192, errno: 5, cause })
  expect(error).toBeInstanceOf(Error)
  expect(error).toMatchObject({ name: 'WalError', code: 'ERR_WAL_IO', lsn: 7, segment: 2, offset: 8192, errno: 5, cause })
  const bare = new WalError('ERR_WAL_IO', 'reading failed')
  expect([bare.lsn, bare.segment, bare.offset, bare.errno, bare.cause]).toEqual(Array(5).fill(undefined))
})
