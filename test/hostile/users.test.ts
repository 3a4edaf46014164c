/**
 * Proves that a user may be called anything: names of what objects inherit, NUL, escape sequences, marks of direction and paths go
 * through `ingest`, recovery and the states as they are, and reach no terminal; ids that could not come back, halves of characters or
 * a megabyte long, are refused row by row, and the run goes on. Payloads are as hostile as the ids.
 */
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { beforeAll, describe, expect, test } from 'vitest'
import { Operation, readLog, Wal } from '../../lib/index.js'
import { runCli } from '../support/command-line.js'
import { temporaryDirectories } from '../support/temporary-directory.js'

const ESCAPES = '\u001b]0;title\u0007\u001b[2J\u001b[31m\u009b31m\u0090q\u009c\r\n\u0008\u007f'
const USERS = [
  '__proto__', 'constructor', 'toString', 'hasOwnProperty', '__defineGetter__', 'a\u0000b', '\u0000', ESCAPES, '\u202egnp.exe', '\u2028\u2029',
  '../../etc/passwd', '%s%n%x', '$(reboot)', '`', "'; --", '=1+1', ' ', '\ufeff', '👩‍⚕️', 'x'.repeat(65_535)
]
const REFUSED = ['\ud800', 'half \udc00', 'x'.repeat(65_536), 'y'.repeat(1 << 20)]
const HOUR_MS = 3_600_000

// What a terminal may act on: all controls but the end of a line, which ends every line, and what turns the direction of text.
const RAW = /[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]/

const temporaryDirectory = temporaryDirectories()
let folder: string
let directory: string

function rows(users: readonly string[], fromHour: number): string {
  return users.map((user, index) => `${JSON.stringify({ user, time: fromHour * HOUR_MS + index * 1000, value: index, note: ESCAPES })}\n`).join('')
}

beforeAll(() => {
  folder = temporaryDirectory()
  directory = join(folder, 'log')
  writeFileSync(join(folder, 'rows.ndjson'), rows([...USERS, ...REFUSED], 1) + rows(USERS, 2))
})

describe('ingest', () => {
  test('takes every id that can come back, refuses the others row by row, and has a state for each', async () => {
    const args = ['ingest', join(folder, 'rows.ndjson'), '--directory', directory, '--out', join(folder, 'states.json'), '--json']
    const { code, stdout, stderr } = await runCli(args)
    expect({ code, stderr: RAW.exec(stderr) }).toEqual({ code: 0, stderr: null })
    expect(JSON.parse(stdout)).toMatchObject({ rows: 2 * USERS.length + REFUSED.length, logged: 2 * USERS.length, rejected: REFUSED.length, users: USERS.length })
    const text = readFileSync(join(folder, 'states.json'), 'utf8')
    expect(RAW.exec(text)).toBeNull()
    const states = new Map(Object.entries(JSON.parse(text) as Record<string, { count: number }>))
    expect([...states.keys()].sort()).toEqual([...USERS].sort())
    expect([...states.values()].every(({ count }) => count === 2)).toBe(true)
    // Again: all of it comes out of the log.
    await runCli(args)
    expect(readFileSync(join(folder, 'states.json'), 'utf8')).toBe(text)
  })

  test('says of each refused row why, and shows nothing of it raw', () => {
    const rejects = readFileSync(`${directory}.rejects.ndjson`, 'utf8').trimEnd().split('\n')
    expect(rejects).toHaveLength(REFUSED.length)
    for (const line of rejects) {
      expect(RAW.exec(line)).toBeNull()
      expect(line.length).toBeLessThan(100_000)
    }
  })
})

describe('a log with such users and payloads, open buffers among them, and damage', () => {
  let damaged: string

  beforeAll(async () => {
    damaged = join(folder, 'damaged')
    const wal = await Wal.open({ directory: damaged, maintenance: false })
    for (const user of USERS) wal.append(Operation.ADD_MEASUREMENT, user, Buffer.from(ESCAPES))
    for (const user of USERS) wal.append(Operation.CHECKPOINT, user, Buffer.from(`{"${ESCAPES}`))
    await wal.close()
    const file = join(damaged, '0000000000000001.wal')
    const bytes = readFileSync(file)
    for await (const { offset, userId } of readLog(damaged)) {
      // Its payload is damaged, and nothing else.
      if (userId === ESCAPES) bytes[offset + 34] = (bytes[offset + 34] as number) ^ 1
    }
    writeFileSync(file, bytes)
  })

  test.each([
    ['inspect'], ['inspect', '--format', 'json'], ['inspect', '--format', 'jsonl'], ['inspect', '--format', 'csv'], ['inspect', '--incomplete'],
    ['inspect', '--user', ESCAPES], ['verify'], ['stats'], ['stats', '--format', 'json']
  ])('%s %s %s shows nothing raw', async (command, ...options) => {
    const { stdout, stderr } = await runCli([command, damaged, ...options])
    expect(stdout).not.toBe('')
    expect({ stdout: RAW.exec(stdout)?.[0], stderr: RAW.exec(stderr)?.[0] }).toEqual({ stdout: undefined, stderr: undefined })
  })

  test('verify names the user of what is lost, escaped', async () => {
    const { code, stdout } = await runCli(['verify', damaged])
    expect(code).toBe(1)
    expect(stdout).toContain('\\u001b]0;title\\u0007\\u001b[2J')
  })
})
