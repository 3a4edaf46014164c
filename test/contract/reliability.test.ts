/** Proves that docs/reliability.md and docs/recovery.md name only tests that there are, and that every planted bug is listed. */
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { SEEDED_BUGS } from '../seeded-bugs/bugs.mjs'

const ROOT = join(import.meta.dirname, '../..')
const readText = (path: string): string => readFileSync(join(ROOT, path), 'utf8')

const nativeTests = readdirSync(join(ROOT, 'native/test'))
  .filter((file) => file.endsWith('_test.cc'))
  .flatMap((file) => [...readText(`native/test/${file}`).matchAll(/^TEST\((\w+), (\w+)\)/gm)])
  .map(([, suite, name]) => `${suite}.${name}`)

describe.each(['docs/reliability.md', 'docs/recovery.md'])('%s', (document) => {
  const text = readText(document)

  it('names only files that there are', () => {
    const files = [...text.matchAll(/`((?:native|test|lib|scripts)\/[\w./-]+\.\w+)`/g)].map(([, file]) => file as string)
    expect(files.length).toBeGreaterThan(0)
    expect(files.filter((file) => !existsSync(join(ROOT, file)))).toEqual([])
  })

  it('names only C++ tests that there are', () => {
    const named = [...text.matchAll(/`([A-Z]\w+\.[A-Z]\w+)`/g)].map(([, name]) => name as string)
    expect(named.length).toBeGreaterThan(0)
    expect(named.filter((name) => !nativeTests.includes(name))).toEqual([])
  })
})

it('docs/reliability.md lists every planted bug of the C++ tests', () => {
  const planted = nativeTests.filter((name) => name.startsWith('SeededBug.'))
  expect(planted.length).toBeGreaterThanOrEqual(6)
  for (const name of planted) expect(readText('docs/reliability.md')).toContain(name)
})

describe('test/seeded-bugs/bugs.mjs', () => {
  it('has a name of its own for each bug', () => {
    expect(new Set(SEEDED_BUGS.map(({ name }) => name)).size).toBe(SEEDED_BUGS.length)
    expect(SEEDED_BUGS.length).toBeGreaterThanOrEqual(20)
  })

  it.each(SEEDED_BUGS)('$name: can be planted, in one place', ({ file, from, to }) => {
    expect(readText(file).split(from)).toHaveLength(2)
    expect(to).not.toBe(from)
  })

  it.each(SEEDED_BUGS)('$name: its test is there, and both are in the table of docs/reliability.md', ({ name, test: [program, part] }) => {
    if (program.endsWith('.ts')) expect(existsSync(join(ROOT, program))).toBe(true)
    else expect(readText(`native/test/${program}.cc`)).toContain(`TEST(${part.replace('.', ', ')})`)
    const row = readText('docs/reliability.md').split('\n').find((line) => line.startsWith(`| ${name} |`))
    expect(row).toContain(part === '' ? program : part)
  })
})
