/**
 * `ingest` as a user meets it: what goes in, what comes out on which stream, and with which exit code. That kills change
 * nothing is proved in test/crash/ingest-kill.test.ts.
 */
import { spawnSync } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { gzipSync } from 'node:zlib'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { Wal } from '../../lib/index.js'

const command = fileURLToPath(new URL('../../dist/esm/cli/main.js', import.meta.url))

let folder: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'ingest-wal-cli-'))
})
afterEach(() => rmSync(folder, { recursive: true, force: true }))

function run(args: string[], input?: string | Buffer): { status: number | null; stdout: string; stderr: string } {
  return spawnSync(process.execPath, [command, 'ingest', ...args], { cwd: folder, encoding: 'utf8', ...(input === undefined ? {} : { input }) })
}

function write(name: string, content: string | Buffer): void {
  writeFileSync(join(folder, name), content)
}

const CSV = 'Id,Time,Value\n7,4/12/2016 7:21:00 AM,97\n8,4/12/2016 7:21:05 AM,80\n7,4/12/2016 7:21:10 AM,99\n'
const COLUMNS = ['--user-column', 'Id', '--time-column', 'Time', '--value-column', 'Value']

describe('rows in, states out', () => {
  test('CSV with named columns', () => {
    write('rows.csv', CSV)
    const done = run(['rows.csv', ...COLUMNS, '--out', 'states.json', '--json'])
    expect(done.status).toBe(0)
    expect(JSON.parse(done.stdout)).toMatchObject({ rows: 3, logged: 3, replayed: 3, rejected: 0, users: 2 })
    expect(done.stderr).toMatch(/new log in .*data\/wal/)
    expect(done.stderr).toContain('3 rows in, 0 rejected; 3 logged')
    const states = JSON.parse(readFileSync(join(folder, 'states.json'), 'utf8')) as Record<string, { count: number }>
    expect(Object.keys(states)).toEqual(['7', '8'])
    expect(states['7']?.count).toBe(2)
  })

  test('gzip, NDJSON, and standard input give the same states', () => {
    const ndjson = '{"user":"7","time":1460445660000,"value":97}\n{"user":"8","time":1460445665000,"value":80}\n{"user":"7","time":"2016-04-12T07:21:10Z","value":99}\n'
    write('rows.csv', CSV)
    write('rows.csv.gz', gzipSync(CSV))
    const outputs = [
      run(['rows.csv', '--directory', 'a', '--out', '-']),
      run(['rows.csv.gz', '--directory', 'b', '--out', '-']),
      run(['-', '--directory', 'c', '--out', '-'], ndjson),
      run(['-', '--directory', 'd', '--out', '-', '--format', 'csv'], gzipSync(CSV))
    ]
    for (const { status, stdout } of outputs) {
      expect(status).toBe(0)
      expect(stdout).toBe(outputs[0]?.stdout)
    }
  })

  test('states are sorted, one user a line, and --out replaces the file', () => {
    write('rows.csv', 'user,time,value\nb,1,1\na,1,1\n10,1,1\n9,1,1\n')
    write('states.json', 'old')
    expect(run(['rows.csv', '--out', 'states.json']).status).toBe(0)
    const lines = readFileSync(join(folder, 'states.json'), 'utf8').trimEnd().split('\n')
    expect(lines.map((line) => line.trim().split(':')[0])).toEqual(['{', '"10"', '"9"', '"a"', '"b"', '}'])
  })

  test('a second run finds nothing to do and writes the same states', () => {
    write('rows.csv', CSV)
    const first = run(['rows.csv', '--out', '-'])
    const second = run(['rows.csv', '--out', '-'])
    expect(second.status).toBe(0)
    expect(second.stdout).toBe(first.stdout)
    expect(second.stderr).toMatch(/recovered .*data\/wal/)
    expect(second.stderr).toContain('0 replayed by this run')
  })

  test('progress as JSON lines for programs, none on a pipe by default', () => {
    write('rows.csv', CSV)
    const lines = run(['rows.csv', '--progress', 'json']).stderr.split('\n').filter((line) => line.startsWith('{'))
    expect(JSON.parse(lines.at(-1) ?? '')).toMatchObject({ rows: 3, rejected: 0, replayed: 3 })
    expect(run(['rows.csv']).stderr).not.toContain('{')
  })
})

test('rows that cannot be read are counted and written beside the log with the reason, and the exit code is 0', () => {
  write('rows.csv', 'user,time,value\na,1,1\n,2,2\nb,noon,3\nc,4,NaN\n')
  const done = run(['rows.csv', '--json'])
  expect(done.status).toBe(0)
  expect(JSON.parse(done.stdout)).toMatchObject({ rows: 4, logged: 1, rejected: 3 })
  const rejects = readFileSync(join(folder, 'data/wal.rejects.ndjson'), 'utf8').trimEnd().split('\n')
  const rows = rejects.map((line) => (JSON.parse(line) as { row: number }).row)
  expect(rows).toEqual([2, 3, 4])
  expect(done.stderr).toContain('data/wal.rejects.ndjson')
})

describe('what cannot be done is said', () => {
  test('a source that is not there: exit code 3, and no log is made', () => {
    const done = run(['missing.csv'])
    expect(done.status).toBe(3)
    expect(done.stderr).toContain('missing.csv')
    expect(existsSync(join(folder, 'data'))).toBe(false)
  })

  test('a column that the source has not: names it and those that there are', () => {
    write('rows.csv', CSV)
    const done = run(['rows.csv', '--user-column', 'Person'])
    expect(done.status).toBe(3)
    expect(done.stderr).toMatch(/Person.*Id/s)
  })

  test('another source under the same name: exit code 3', () => {
    write('rows.csv', CSV)
    run(['rows.csv'])
    write('rows.csv', CSV.replaceAll('7,4', '9,4'))
    const done = run(['rows.csv'])
    expect(done.status).toBe(3)
    expect(done.stderr).toContain('ERR_WAL_SOURCE')
  })

  test.each(['--out', '--rejects'])('%s that would overwrite the source: exit code 2, and the source is whole', (option) => {
    write('rows.csv', CSV)
    expect(run(['rows.csv', option, './rows.csv']).status).toBe(2)
    expect(readFileSync(join(folder, 'rows.csv'), 'utf8')).toBe(CSV)
  })

  test('a log that is open: exit code 4', async () => {
    write('rows.csv', CSV)
    const wal = await Wal.open({ directory: join(folder, 'wal') })
    const done = run(['rows.csv', '--directory', 'wal'])
    await wal.close()
    expect(done.status).toBe(4)
    expect(done.stderr).toContain('ERR_WAL_LOCKED')
  })

  test('a configuration with a value that is not allowed: exit code 2, key and value named', () => {
    write('rows.csv', CSV)
    write('config.toml', '[replay]\nbuffer_hours = -1\n')
    const done = run(['rows.csv', '--config', 'config.toml'])
    expect(done.status).toBe(2)
    expect(done.stderr).toMatch(/replay\.buffer_hours is -1; allowed/)
  })

  test('a processor that keeps failing: the user is parked, everybody else is done, exit code 1', () => {
    write('rows.csv', CSV)
    write('processor.mjs', 'export const initialState = 0\nexport function processMeasurement(n, { value }) { if (value === 80) throw new Error("eighty"); return n + 1 }\n')
    const done = run(['rows.csv', '--processor', 'processor.mjs', '--out', '-'])
    expect(done.status).toBe(1)
    expect(done.stderr).toContain('parked')
    expect(JSON.parse(done.stdout)).toMatchObject({ 7: 2 })
  })

  test('a processor file without the function: exit code 2', () => {
    write('rows.csv', CSV)
    write('processor.mjs', 'export const initialState = 0\n')
    const done = run(['rows.csv', '--processor', 'processor.mjs'])
    expect(done.status).toBe(2)
    expect(done.stderr).toContain('processMeasurement')
  })
})

test('a processor written as a CommonJS module works', () => {
  write('rows.csv', CSV)
  write('processor.cjs', 'exports.initialState = 0\nexports.processMeasurement = (n) => n + 1\n')
  const done = run(['rows.csv', '--processor', 'processor.cjs', '--out', '-'])
  expect(JSON.parse(done.stdout)).toEqual({ 7: 2, 8: 1 })
})
