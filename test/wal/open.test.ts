// The specification of Wal.open and Wal.close: options, the one writer of a directory, aborts, what close leaves, and what
// happens where entries cannot survive the death of the process.
import { execFileSync } from 'node:child_process'
import { existsSync, readdirSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { Worker } from 'node:worker_threads'
import { describe, expect, test } from 'vitest'
import { Operation, Wal, type WalOptions } from '../../lib/index.js'
import { code, entriesOf, lsnsOf, QUIET, range, useTestLog } from './support.js'

const log = useTestLog()
const DIST = join(import.meta.dirname, '../../dist')

describe('options', () => {
  test.each([
    ['directory', ''],
    ['directory', 'a\0b'],
    ['directory', 7],
    ['segmentBytes', 65_535],
    ['segmentBytes', 2 ** 32 + 1],
    ['segmentBytes', 1e6 + 0.5],
    ['segmentBytes', '1000000'],
    ['batchIntervalMs', 0],
    ['batchIntervalMs', 24 * 3_600_000 + 1],
    ['batchIntervalMs', NaN],
    ['batchBytes', 0],
    ['queueBytes', 1000],
    ['queueBytes', 2 ** 30 + 1],
    ['requireKillSafe', 'yes'],
    ['onCorruption', 'ignore'],
    ['onCorruption', null]
  ])('%s: %j is refused by name, with the value and what is allowed', async (name, value) => {
    const options = { directory: log.directory, [name]: value } as unknown as WalOptions
    const error: unknown = await Wal.open(options).catch((reason: unknown) => reason)
    expect(error).toMatchObject(code('ERR_WAL_INVALID_ARGUMENT'))
    expect(error).toMatchObject({ message: expect.stringMatching(new RegExp(`^${name} is .*; allowed: .+`)) as string })
  })

  test.each([undefined, null, 'data/wal'])('%s is no options at all', async (options) => {
    await expect(Wal.open(options as unknown as WalOptions)).rejects.toMatchObject(code('ERR_WAL_INVALID_ARGUMENT'))
  })

  test('undefined is as good as left out', async () => {
    const wal = await Wal.open({ directory: log.directory, queueBytes: undefined } as unknown as WalOptions)
    expect(wal.stats()).toMatchObject({ queueCapacityBytes: 16 * 1024 * 1024, segmentBytes: 100_000_000 })
    await wal.close()
  })
})

describe('the directory', () => {
  test('is made, with all above it, closed to others', async () => {
    const directory = join(log.directory, 'data/of/service')
    const wal = await log.open({ directory })
    await wal.durable(wal.append(Operation.ADD_MEASUREMENT, 'user', null))
    expect(statSync(directory).mode & 0o777).toBe(0o700)
    for (const file of readdirSync(directory)) expect(statSync(join(directory, file)).mode & 0o077, file).toBe(0)
  })

  test('that is a file is refused', async () => {
    const directory = join(log.directory, 'file')
    writeFileSync(directory, 'not a directory')
    await expect(log.open({ directory })).rejects.toMatchObject({ name: 'WalError' })
  })

  test('with files of others in it: they stay as they are', async () => {
    writeFileSync(join(log.directory, 'notes.txt'), 'mine')
    const wal = await log.open()
    wal.append(Operation.ADD_MEASUREMENT, 'user', null)
    await wal.close()
    expect(existsSync(join(log.directory, 'notes.txt'))).toBe(true)
  })

  test('given as a relative path is the one it was when the log was opened', async () => {
    const before = process.cwd()
    process.chdir(log.directory)
    try {
      const wal = await log.open({ directory: 'relative' })
      wal.append(Operation.ADD_MEASUREMENT, 'user', null)
      process.chdir(before)
      expect(wal.directory).toBe('relative')
      expect(await lsnsOf(wal)).toEqual([1])
    } finally {
      process.chdir(before)
    }
  })
})

describe('one writer', () => {
  const program = (entrance: string): string => `
    const { Wal } = require(${JSON.stringify(join(DIST, entrance))})
    Wal.open({ directory: ${JSON.stringify(log.directory)} })
      .then(() => 'opened', (error) => error.code)
      .then((outcome) => (require('node:worker_threads').parentPort?.postMessage(outcome), console.log(outcome)))`

  test('a second one in the same process is refused; the first goes on', async () => {
    const wal = await log.open()
    await expect(log.open()).rejects.toMatchObject(code('ERR_WAL_LOCKED'))
    await wal.durable(wal.append(Operation.ADD_MEASUREMENT, 'user', null))
    expect(await lsnsOf(wal)).toEqual([1])
  })

  test('the directory under another name is the same directory', async () => {
    await log.open()
    await expect(log.open({ directory: join(log.directory, '../', log.directory.split('/').at(-1) ?? '') })).rejects.toMatchObject(
      code('ERR_WAL_LOCKED')
    )
  })

  test('in a worker thread: refused', async () => {
    await log.open()
    const worker = new Worker(program('cjs/index.js'), { eval: true, stdout: true })
    expect(await new Promise((resolve) => worker.once('message', resolve))).toBe('ERR_WAL_LOCKED')
    await worker.terminate()
  })

  test('in another process: refused', async () => {
    await log.open()
    const outcome = execFileSync(process.execPath, ['-e', program('cjs/index.js')], { encoding: 'utf8' })
    expect(outcome).toBe('ERR_WAL_LOCKED\n')
  })

  test('after close the next one may; while two ask at once, one gets it', async () => {
    await (await log.open()).close()
    const outcomes = await Promise.allSettled([log.open(), log.open(), log.open()])
    expect(outcomes.filter(({ status }) => status === 'fulfilled')).toHaveLength(1)
    for (const outcome of outcomes) if (outcome.status === 'rejected') expect(outcome.reason).toMatchObject(code('ERR_WAL_LOCKED'))
  })

  test('two directories, two writers', async () => {
    const [one, other] = await Promise.all([log.open(), log.open({ directory: join(log.directory, 'other') })])
    expect([one.append(Operation.COMMIT, 'a'), other.append(Operation.COMMIT, 'b')]).toEqual([1, 1])
    expect((await entriesOf(one)).map((entry) => entry.userId)).toEqual(['a'])
    expect((await entriesOf(other)).map((entry) => entry.userId)).toEqual(['b'])
  })
})

describe('aborting open', () => {
  test('before: nothing is made', async () => {
    const directory = join(log.directory, 'never')
    await expect(log.open({ directory, signal: AbortSignal.abort() })).rejects.toMatchObject(code('ERR_WAL_ABORTED'))
    expect(existsSync(directory)).toBe(false)
  })

  test('meanwhile: the log is closed again, and can be opened', async () => {
    const controller = new AbortController()
    const opening = log.open({ signal: controller.signal })
    controller.abort(new Error('shutting down'))
    await expect(opening).rejects.toMatchObject({ ...code('ERR_WAL_ABORTED'), cause: { message: 'shutting down' } })
    await expect(log.open()).resolves.toBeInstanceOf(Wal)
  })
})

describe('close', () => {
  test('makes everything durable that was appended', async () => {
    const wal = await log.open(QUIET)
    for (let i = 0; i < 100; i++) wal.append(Operation.ADD_MEASUREMENT, 'user', null)
    await wal.close()
    expect(wal.durableLsn).toBe(100)
    const again = await log.open()
    expect(again.recovery).toMatchObject({ clean: true, carriedEntries: 0, damage: [], tornTail: null, lastLsn: 100 })
    expect(await lsnsOf(again)).toEqual(range(1, 100))
  })

  test('answers who waits, and what it tells then is told by durableLsn as well', async () => {
    const wal = await log.open(QUIET)
    const lsn = wal.append(Operation.ADD_MEASUREMENT, 'user', null)
    const told = wal.durable(lsn).then(() => wal.durableLsn)
    await Promise.all([wal.close(), expect(told).resolves.toBe(lsn)])
  })

  test('twice is once', async () => {
    const wal = await log.open()
    await Promise.all([wal.close(), wal.close()])
    await wal.close()
  })

  test('await using closes', async () => {
    const wal = await log.open()
    await wal[Symbol.asyncDispose]()
    expect(wal.stats().state).toBe('closed')
    await expect(log.open()).resolves.toBeInstanceOf(Wal)
  })

  test('figures stay to be read', async () => {
    const wal = await log.open()
    wal.append(Operation.ADD_MEASUREMENT, 'user', null)
    await wal.close()
    expect(wal.stats()).toMatchObject({ state: 'closed', lastLsn: 1, durableLsn: 1, queueBytes: 0 })
    expect(wal.lastLsn).toBe(1)
    expect(wal.metrics.wal_durable_lsn).toBe(1)
  })

  test('every other call is refused with ERR_WAL_CLOSED', async () => {
    const wal = await log.open()
    await wal.close()
    expect(() => wal.append(Operation.COMMIT, 'user')).toThrow(expect.objectContaining(code('ERR_WAL_CLOSED')) as Error)
    expect(() => wal.entries()).toThrow(expect.objectContaining(code('ERR_WAL_CLOSED')) as Error)
    expect(() => wal.hasRoom(1, 1)).toThrow(expect.objectContaining(code('ERR_WAL_CLOSED')) as Error)
    await expect(wal.drained()).rejects.toMatchObject(code('ERR_WAL_CLOSED'))
  })

  test('an empty log leaves no segment behind, and a ring no trace', async () => {
    const wal = await log.open()
    const ring = (): string[] => ringsOf(wal.stats().logId)
    expect(ring()).toHaveLength(1)
    await wal.close()
    expect(readdirSync(log.directory).filter((name) => name.endsWith('.wal'))).toEqual([])
    expect(ring()).toEqual([])
  })
})

/** Rings of a log that are there, on Linux; elsewhere shared memory cannot be listed. */
function ringsOf(logId: string): string[] {
  if (!existsSync('/dev/shm')) return []
  return readdirSync('/dev/shm').filter((name) => name.startsWith(`ingest-wal-${logId.replaceAll('-', '').slice(0, 16)}`))
}

describe('where no shared memory is to be had', () => {
  // The size of files, shared memory included, is limited to 1 MiB for a process of its own: too little for the ring.
  function openThere(options: string): unknown {
    const program = `
      const { Wal, Operation } = require(${JSON.stringify(join(DIST, 'cjs/index.js'))})
      Wal.open({ directory: ${JSON.stringify(log.directory)}, segmentBytes: 1 << 16, ${options} }).then(
        async (wal) => {
          await wal.durable(wal.append(Operation.ADD_MEASUREMENT, 'user', null))
          const { killSafe, state } = wal.stats()
          const health = wal.health()
          await wal.close()
          return { killSafe, state, health }
        },
        ({ code, message }) => ({ code, message })
      ).then((outcome) => console.log(JSON.stringify(outcome)))`
    const shell = `trap '' XFSZ; ulimit -f 2048; exec "$0" -e "$1"`
    return JSON.parse(execFileSync('sh', ['-c', shell, process.execPath, program], { encoding: 'utf8' }))
  }

  test('the log works, and says that it does not survive the process', async () => {
    expect(openThere('')).toMatchObject({
      killSafe: false,
      state: 'ok',
      health: { status: 'degraded', reasons: [expect.stringContaining('shared memory')] }
    })
    expect(await lsnsOf(await log.open())).toEqual([1])
  })

  test('with requireKillSafe it is not opened, and not kept locked', async () => {
    expect(openThere('requireKillSafe: true')).toMatchObject({ code: 'ERR_WAL_NOT_KILL_SAFE' })
    const wal = await log.open({ requireKillSafe: true })
    expect(wal.stats().killSafe).toBe(true)
  })
})
