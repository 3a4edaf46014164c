// Proves that a process or a worker thread can be left in every way with a batch under way: the exit code is that of the way (no
// abort, no crash in the addon), the lock is let go of, and every entry that was appended is there afterwards. And that an open
// log alone does not keep a process running, while somebody who waits for it does.
import { cpSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { Wal } from '../../lib/index.js'
import { printedSeed, seededRandom, start, startChild, temporaryDirectory, type Ended } from './support.js'

/** Ends a child by `way`, and opens what it left. */
async function leave(way: string, ...more: string[]): Promise<{ ended: Ended; lines: string[] }> {
  const directory = join(temporaryDirectory(), 'wal')
  const ended = await startChild('leave.mjs', [directory, way, ...more]).ended
  const lines = ended.stdout.split('\n').filter((line) => line !== '')
  const reported = Math.max(0, ...lines.map(Number).filter(Number.isFinite))
  expect(reported, `ended with ${ended.code ?? ended.signal}: ${ended.stderr}`).toBeGreaterThan(0)
  const wal = await Wal.open({ directory })
  let last = 0
  for await (const { lsn, payload } of wal.entries()) {
    expect(lsn).toBe(last + 1)
    expect(Buffer.from(payload).toString()).toBe(`payload-${lsn}`)
    last = lsn
  }
  expect(last).toBeGreaterThanOrEqual(reported)
  expect(wal.recovery.damage).toEqual([])
  expect(wal.health().status).toBe('ok')
  await wal.close()
  return { ended, lines }
}

describe('process.exit', () => {
  test.each([
    'process.exit in mid-batch',
    'process.exit with a batch that is not due',
    'process.exit while durable is awaited',
    'process.exit while close is awaited',
    'process.exit while open is awaited',
    'process.exit while entries are read'
  ])('%s: exit code as given, nothing lost', async (way) => {
    const { ended } = await leave(way)
    expect(ended).toMatchObject({ code: 7, signal: null, stderr: '' })
  })
})

describe('errors', () => {
  test('an uncaught error in mid-batch: exit code 1, nothing lost', async () => {
    const { ended } = await leave('an uncaught error in mid-batch')
    expect(ended).toMatchObject({ code: 1, signal: null })
    expect(ended.stderr).toContain('Error: out of the blue')
  })

  test('an error thrown by a listener is an uncaught error like any other', async () => {
    const { ended } = await leave('an error thrown by a listener')
    expect(ended).toMatchObject({ code: 1, signal: null })
    expect(ended.stderr).toContain('Error: out of a listener')
  })

  test('process.abort: nothing lost', async () => {
    const { ended } = await leave('abort')
    expect(ended.signal).toBe('SIGABRT')
  })
})

describe('what keeps a process running', () => {
  test('not a log that was left open', async () => {
    const { ended } = await leave('a log left open')
    expect(ended).toMatchObject({ code: 0, signal: null, stderr: '' })
  })

  test('a durable() that has not resolved', async () => {
    const { ended, lines } = await leave('a durable that nobody awaits')
    expect(ended).toMatchObject({ code: 0, signal: null, stderr: '' })
    expect(lines.at(-1)).toBe('durable')
  })

  test('a drained() that has not resolved', async () => {
    const { ended, lines } = await leave('a drained that nobody awaits')
    expect(ended).toMatchObject({ code: 0, signal: null, stderr: '' })
    expect(lines.at(-1)).toBe('drained')
  })
})

describe('worker threads', () => {
  test('worker.terminate in mid-batch: the process goes on and can open the log', async () => {
    const { ended, lines } = await leave('worker.terminate in mid-batch')
    expect(ended).toMatchObject({ code: 0, signal: null, stderr: '' })
    expect(Number(lines[1])).toBeGreaterThanOrEqual(Number(lines[0]))
  })

  test('process.exit in a worker ends the worker, with its code', async () => {
    const { ended, lines } = await leave('process.exit in a worker')
    expect(ended).toMatchObject({ code: 0, signal: null, stderr: '' })
    expect(lines).toContain('exit 7')
  })

  test('an uncaught error in a worker ends the worker, with that error', async () => {
    const { ended, lines } = await leave('an uncaught error in a worker')
    expect(ended).toMatchObject({ code: 0, signal: null, stderr: '' })
    expect(lines).toContain('error out of the blue')
    expect(lines).toContain('exit 1')
  })

  test('process.exit of a main thread that never loaded the addon', async () => {
    const { ended } = await leave('process.exit of the main thread, only a worker has the addon')
    expect(ended).toMatchObject({ code: 7, signal: null, stderr: '' })
  })

  test('an uncaught error of a main thread that never loaded the addon', async () => {
    const { ended } = await leave('an uncaught error of the main thread, only a worker has the addon')
    expect(ended).toMatchObject({ code: 1, signal: null })
    expect(ended.stderr).toContain('Error: out of the blue')
  })

  test('worker.terminate at 40 moments, whatever was under way: open, append, durable, read, close', async () => {
    const random = seededRandom(printedSeed('worker.terminate'))
    const moments = Array.from({ length: 40 }, () => String(Math.floor(random() * 60)))
    const { ended } = await leave('worker.terminate at 40 moments', ...moments)
    expect(ended).toMatchObject({ code: 0, signal: null, stderr: '' })
  })
})

test('two copies of the package in one process: one log each, and one writer for a directory', async () => {
  const root = join(import.meta.dirname, '../..')
  const folder = temporaryDirectory()
  const copies = ['one', 'other'].map((name) => join(folder, name, 'node_modules/ingest-wal'))
  for (const copy of copies) {
    mkdirSync(copy, { recursive: true })
    writeFileSync(join(copy, 'package.json'), readFileSync(join(root, 'package.json')))
    for (const part of ['dist', 'build/Release']) cpSync(join(root, part), join(copy, part), { recursive: true })
    symlinkSync(join(root, 'node_modules'), join(copy, 'node_modules'))
  }
  const program = `
    const [one, other] = ${JSON.stringify(copies)}.map((path) => require(path))
    const at = (name) => ({ directory: ${JSON.stringify(folder)} + '/' + name, segmentBytes: 1 << 20 })
    async function main() {
      const first = await one.Wal.open(at('first'))
      const refused = await other.Wal.open(at('first')).then(() => 'opened', (error) => error.code)
      const second = await other.Wal.open(at('second'))
      const lsns = [first, second].map((wal) => wal.append(2, 'user', null))
      await Promise.all([first.durable(), second.durable()])
      await first.close()
      const again = await other.Wal.open(at('first'))
      console.log(JSON.stringify([one === other, refused, ...lsns, again.lastLsn]))
      await Promise.all([second.close(), again.close()])
    }
    main()`
  const ended = await start(process.execPath, ['-e', program]).ended
  expect(ended.stderr).toBe('')
  expect(JSON.parse(ended.stdout)).toEqual([false, 'ERR_WAL_LOCKED', 1, 1, 1])
  expect(ended.code).toBe(0)
})
