/** Every example runs, and README and examples say the same. */
import { spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, copyFileSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { defaultConfig, parseConfig } from '../../lib/config/config.js'

const root = fileURLToPath(new URL('../..', import.meta.url))
const example = (name: string): string => readFileSync(join(root, 'examples', name), 'utf8')

let folder: string
beforeAll(() => {
  // A folder like a user's: the package under node_modules.
  folder = mkdtempSync(join(tmpdir(), 'ingest-wal-examples-'))
  mkdirSync(join(folder, 'node_modules'))
  symlinkSync(root, join(folder, 'node_modules', 'ingest-wal'))
})
afterAll(() => rmSync(folder, { recursive: true, force: true }))

function run(...args: string[]): { status: number | null; stdout: string; stderr: string } {
  return spawnSync(process.execPath, args, { cwd: folder, encoding: 'utf8' })
}

test('service.mjs replays a full buffer and finds what waits when it is started again', () => {
  copyFileSync(join(root, 'examples', 'service.mjs'), join(folder, 'service.mjs'))
  const first = run('service.mjs', 'wal')
  expect(first.stderr).toBe('')
  expect(first.stdout).toContain('recovered 0 waiting measurements')
  expect(first.stdout).toContain('{ count: 3, mean: 62 } 1 waiting')
  expect(run('service.mjs', 'wal').stdout).toContain('recovered 1 waiting measurements')
})

test('processor.mjs works with the command line', () => {
  writeFileSync(join(folder, 'rows.csv'), 'user,time,value\na,1000,5\na,2000,3\n')
  const command = join(root, 'dist/esm/cli/main.js')
  const processor = join(root, 'examples', 'processor.mjs')
  const ingested = run(command, 'ingest', 'rows.csv', '--directory', 'rows', '--processor', processor, '--out', '-')
  expect(ingested.status).toBe(0)
  expect(JSON.parse(ingested.stdout)).toEqual({ a: { count: 2, least: 3, most: 5, last: { timestamp: 2000, value: 3 } } })
})

test('config.toml names every setting at its default', () => {
  const text = example('config.toml')
  expect(parseConfig(text)).toEqual(defaultConfig())
  const named = [...text.matchAll(/^(\w+) = /gm)].map((match) => match[1])
  const known = Object.values(defaultConfig()).flatMap((section: object) => Object.keys(section))
  expect(named.length).toBe(known.length)
})

test('README shows service.mjs as it is', () => {
  expect(readFileSync(join(root, 'README.md'), 'utf8')).toContain(example('service.mjs').trimEnd())
})
