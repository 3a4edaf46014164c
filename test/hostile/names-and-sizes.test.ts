/**
 * Proves that names which only look like those of a log's files are left alone, that a file which is said to be larger than any disk
 * is read as far as there is something in it, and that what a hundred thousand files cost grows with their number and no faster.
 */
import { spawnSync } from 'node:child_process'
import { cpSync, linkSync, readdirSync, readFileSync, statSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { Operation, readLog, scanLog, Wal } from '../../lib/index.js'
import { segmentName } from '../../lib/maintenance/files.js'
import { closedLog, unclosedLog } from '../support/logs.js'
import { traced } from '../support/sanitizer.js'
import { temporaryDirectories } from '../support/temporary-directory.js'

const temporaryDirectory = temporaryDirectories()

async function lsnsOf(path: string): Promise<number[]> {
  const lsns: number[] = []
  for await (const { lsn } of readLog(path)) lsns.push(lsn)
  return lsns
}

function range(last: number): number[] {
  return Array.from({ length: last }, (_, index) => index + 1)
}

describe('names', () => {
  const ODD = [
    '0000000000000001.wal\n', '\n0000000000000001.wal', '000000000000001.wal', '00000000000000001.wal', '0000000000000000.wal',
    '+000000000000002.wal', ' 000000000000002.wal', '0x00000000000002.wal', '０000000000000002.wal', '٠٠٠٠٠٠٠٠٠٠٠٠٠٠٠٢.wal', '0000000000000002.WAL',
    '0000000000000002.wal.', '0000000000000002.wal.gz.gz', '0000000000000002.wal~', '0000000000000002.ckpt ', '-000000000000002.ckpt',
    '.wal', '\u001b[2J.wal', '__proto__', '\u202e0000000000000002.wal', 'LOCK ', 'log.id.bak', '%s%n', '\\', '0000000000000002.wal\r'
  ]

  test('that are nearly those of segments and checkpoints are no part of the log, and stay', async () => {
    const directory = join(temporaryDirectory(), 'log')
    await closedLog(directory, (recorder) => recorder.measurements(20))
    const segment = readFileSync(join(directory, segmentName(1)))
    for (const name of ODD) writeFileSync(join(directory, name), segment)
    const before = readdirSync(directory).sort()
    const { damage, segments } = await scanLog(directory)
    expect({ damage, files: segments.map(({ file }) => file) }).toEqual({ damage: [], files: [segmentName(1)] })
    expect(await lsnsOf(directory)).toEqual(range(20))
    const wal = await Wal.open({ directory })
    await wal.checkpoint()
    expect(wal.append(Operation.ADD_MEASUREMENT, 'user', null)).toBe(21)
    await wal.close()
    const after = readdirSync(directory)
    expect(before.filter((name) => !after.includes(name))).toEqual([])
    for (const name of ODD) expect(readFileSync(join(directory, name)).equals(segment), JSON.stringify(name)).toBe(true)
  })

  test('bytes that are no UTF-8 are left alone too', async () => {
    const directory = join(temporaryDirectory(), 'log')
    await closedLog(directory, (recorder) => recorder.measurements(20))
    const name = Buffer.concat([Buffer.from(`${directory}/000000000000000`), Buffer.of(0xff), Buffer.from('.wal')])
    writeFileSync(name, 'x')
    expect((await scanLog(directory)).damage).toEqual([])
    const wal = await Wal.open({ directory })
    await wal.close()
    expect(readFileSync(name, 'utf8')).toBe('x')
  })

  test('with the largest number that there is: no number is left, and that is said', async () => {
    const directory = join(temporaryDirectory(), 'log')
    await closedLog(directory, (recorder) => recorder.measurements(20))
    cpSync(join(directory, segmentName(1)), join(directory, '9999999999999999.wal'))
    expect((await scanLog(directory)).damage).toMatchObject([{ kind: 'misplaced_segment', file: '9999999999999999.wal' }])
    await expect(Wal.open({ directory })).rejects.toMatchObject({ code: 'ERR_WAL_CORRUPT', message: expect.stringContaining('9999999999999999.wal') as string })
    expect(await lsnsOf(directory)).toEqual(range(20))
  })
})

describe('a file of 2^60 bytes, nearly all of them a hole', () => {
  const SIZE = 2n ** 60n

  /** False where the file system has no files of that size; tmpfs has. Node refuses to say it. */
  function canBeSaid(path: string): boolean {
    spawnSync('truncate', ['-s', String(SIZE), path])
    return statSync(path, { bigint: true }).size === SIZE
  }

  test('in the place of an unsealed segment: its entries come back, and the log goes on', async (context) => {
    const folder = temporaryDirectory()
    const directory = join(folder, 'log')
    await unclosedLog(directory, join(folder, 'work'), (recorder) => recorder.measurements(20))
    if (!canBeSaid(join(directory, segmentName(1)))) return context.skip()
    expect((await scanLog(directory)).damage).toEqual([])
    expect(await lsnsOf(directory)).toEqual(range(20))
    const wal = await Wal.open({ directory, maintenance: false })
    expect(wal.append(Operation.ADD_MEASUREMENT, 'user', null)).toBe(21)
    await wal.close()
    expect(await lsnsOf(directory)).toEqual(range(21))
  })

  test('with a torn record at the hole’s beginning, and one that was proven: what is copied aside is no larger than what there is', async (context) => {
    const folder = temporaryDirectory()
    const directory = join(folder, 'log')
    await unclosedLog(directory, join(folder, 'work'), (recorder) => recorder.measurements(20, 5))
    const file = join(directory, segmentName(1))
    const places: number[] = []
    for await (const { offset } of readLog(directory)) places.push(offset)
    truncateSync(file, (places[12] as number) + 20)
    if (!canBeSaid(file)) return context.skip()
    expect(await lsnsOf(directory)).toEqual(range(12))
    const wal = await Wal.open({ directory, maintenance: false })
    await wal.close()
    const blocks = readdirSync(join(directory, 'quarantine')).map((name) => statSync(join(directory, 'quarantine', name)).blocks * 512)
    expect(blocks.length).toBeGreaterThan(0)
    expect(Math.max(...blocks)).toBeLessThan(2 ** 20)
    expect(await lsnsOf(directory)).toEqual(range(12))
  })

  test.for([`${segmentName(2)}.gz`, segmentName(2), '0000000000000001.ckpt', 'log.id', 'LOCK', 'spare.tmp'])('under the name %s: damage at most', async (name, context) => {
    const directory = join(temporaryDirectory(), 'log')
    await closedLog(directory, (recorder) => recorder.measurements(20))
    if (name !== 'LOCK') writeFileSync(join(directory, name), '')
    if (!canBeSaid(join(directory, name))) return context.skip()
    await scanLog(directory)
    expect(await lsnsOf(directory)).toEqual(range(20))
    const wal = await Wal.open({ directory, maintenance: false })
    const next = wal.append(Operation.ADD_MEASUREMENT, 'user', null)
    // A last segment without a header: as many LSNs are given up as the largest that there can be has room for.
    if (name === segmentName(2)) expect(next).toBe(21 + 2 ** 32 / 32)
    else expect(next).toBe(21)
    await wal.close()
  })
})

describe('many segment names', () => {
  /** A log of one segment, and `count` - 1 more names, each of which is that same file. */
  async function logOf(count: number): Promise<string> {
    const directory = join(temporaryDirectory(), 'log')
    await closedLog(directory, (recorder) => recorder.measurements(20))
    for (let number = 2; number <= count; number++) linkSync(join(directory, segmentName(1)), join(directory, segmentName(number)))
    return directory
  }

  test('100,000, of empty files: a scan, an opening and a reading come to an end, and the log goes on', async () => {
    const directory = join(temporaryDirectory(), 'log')
    await closedLog(directory, (recorder) => recorder.measurements(20))
    for (let number = 2; number <= 100_000; number++) writeFileSync(join(directory, segmentName(number)), '')
    expect((await scanLog(directory)).segments).toHaveLength(100_000)
    const wal = await Wal.open({ directory, maintenance: false })
    expect(wal.append(Operation.ADD_MEASUREMENT, 'user', null)).toBe(21)
    await wal.close()
    expect(await lsnsOf(directory)).toEqual(range(21))
  }, 60_000)

  // Time says little on a busy machine: system calls on the log's files are counted.
  const canCount = spawnSync('strace', ['-f', '-e', 'trace=none', process.execPath, '-e', ''], { env: traced() }).status === 0

  test.skipIf(!canCount)('each more costs a scan and an opening the same few system calls', async () => {
    const index = join(import.meta.dirname, '../../dist/esm/index.js')
    const callsOf = async (count: number): Promise<number> => {
      const directory = await logOf(count)
      const program = `import { scanLog, Wal } from ${JSON.stringify(index)}; await scanLog(${JSON.stringify(directory)}); await (await Wal.open({ directory: ${JSON.stringify(directory)}, maintenance: false })).close()`
      const { status, stderr } = spawnSync('strace', ['-f', '-qq', '-y', '-e', 'trace=openat,pread64,lseek,flock,mmap,getdents64', process.execPath, '--input-type=module', '-e', program], {
        encoding: 'utf8',
        maxBuffer: 1 << 28,
        env: traced()
      })
      expect(status).toBe(0)
      return stderr.split('\n').filter((line) => line.includes(directory)).length
    }
    const [few, twice, fourTimes] = [await callsOf(250), await callsOf(500), await callsOf(1000)]
    const each = (twice - few) / 250
    expect(each).toBeGreaterThan(1)
    expect(each).toBeLessThan(16)
    // Names of a directory come in blocks, copies go to quarantine up to a limit: a little more or less.
    expect((fourTimes - twice) / 500).toBeLessThan(1.25 * each)
  }, 60_000)
})
