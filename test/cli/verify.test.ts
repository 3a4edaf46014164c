/**
 * Proves what `verify` says and answers: clean, torn tail (exit 0, with its offset), corruption (exit 1, with file, bytes,
 * LSN and users), a newer format (refused by name, exit 3), and a log in use.
 */
import { copyFileSync, mkdirSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { Operation, readLog, Wal } from '../../lib/index.js'
import { runCli } from '../support/command-line.js'
import { cutFileTo, flipBit, overwrite, zeroOut } from '../support/damage.js'
import { closedLog, Recorder, segmentFiles, unclosedLog, type Appended } from '../support/logs.js'
import { temporaryDirectories } from '../support/temporary-directory.js'

const newDirectory = temporaryDirectories()
const FIRST = '0000000000000001.wal'
const SMALL = { segmentBytes: 65_536 }

interface VerifyReport {
  verdict: string
  entries: number
  lost: { entries: number; lsnRanges: Array<[number, number]>; users: string[] }
  damage: Array<{ kind: string; file: string; offset: number; endOffset: number; firstLsn: number; lastLsn: number; users: string[] }>
  tornTail: { file: string; offset: number; bytes: number } | null
  live: boolean
  segments: Array<{ file: string; state: string; firstLsn: number; lastLsn: number }>
}

async function verifyJson(path: string): Promise<{ code: number | null; report: VerifyReport }> {
  const { code, stdout } = await runCli(['verify', path, '--format', 'json'])
  return { code, report: JSON.parse(stdout) as VerifyReport }
}

async function newClosedLog(entries = 50): Promise<{ directory: string; file: string; appended: Appended[] }> {
  const directory = newDirectory()
  const appended = await closedLog(directory, (recorder) => recorder.measurements(entries, 10))
  return { directory, file: join(directory, FIRST), appended }
}

/** Where the payload of an entry in the short form begins. */
const PAYLOAD_AT = 32

async function placeOf(directory: string, lsn: number): Promise<{ segment: number; offset: number }> {
  for await (const { segment, offset } of readLog(directory, { fromLsn: lsn })) return { segment, offset }
  throw new Error(`LSN ${lsn} is not in ${directory}`)
}

describe('a log that was closed', () => {
  it('is clean: a line for the segment, a line for all, exit 0', async () => {
    const { directory } = await newClosedLog()
    const { code, stdout, stderr } = await runCli(['verify', directory])
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
    const lines = stdout.split('\n')
    expect(lines[1]?.split(/\s{2,}/)).toEqual([FIRST, 'sealed', '50', '1-50', '5', expect.stringMatching(/^[\d,]+$/), 'ok'])
    expect(lines[2]).toMatch(/^clean: 1 segment, 50 entries, /)
  })

  it('its segment file on its own is clean too', async () => {
    const { file } = await newClosedLog()
    const { code, report } = await verifyJson(file)
    expect({ code, verdict: report.verdict, entries: report.entries }).toEqual({ code: 0, verdict: 'clean', entries: 50 })
  })
})

describe('a torn tail', () => {
  it('is told with file and offset, and exits with 0', async () => {
    const directory = newDirectory()
    await unclosedLog(directory, newDirectory(), (recorder) => recorder.measurements(50, 10), SMALL)
    const { segment, offset } = await placeOf(directory, 50)
    expect(segment).toBe(1)
    cutFileTo(join(directory, FIRST), offset + 17)
    const { code, stdout } = await runCli(['verify', directory])
    expect(code).toBe(0)
    expect(stdout).toMatch(new RegExp(`torn tail: ${FIRST} at offset ${offset}, 17 bytes; never durable`))
    expect(stdout).toMatch(/clean, with a torn tail: 1 segment, 49 entries/)
    const { report } = await verifyJson(directory)
    expect(report).toMatchObject({ verdict: 'torn tail', tornTail: { file: FIRST, offset, bytes: 17 } })
  })
})

describe('corruption', () => {
  it('of a payload: file, byte range, LSN, user, loss, quarantine; exit 1', async () => {
    const { directory, file } = await newClosedLog()
    const { offset } = await placeOf(directory, 23)
    const { offset: end } = await placeOf(directory, 24)
    flipBit(file, offset + PAYLOAD_AT)
    const { code, stdout, stderr } = await runCli(['verify', directory])
    expect({ code, stderr }).toEqual({ code: 1, stderr: '' })
    expect(stdout).toContain(`corruption: entry in ${FIRST}, bytes ${offset}-${end - 1}: LSN 23 lost, 1 entry of 'user-3'`)
    expect(stdout).toContain('quarantine/')
    expect(stdout).toMatch(/damaged in 1 place\n/)
    expect(stdout).toMatch(/corrupt: 1 segment, 49 entries, .* damaged in 1 place, 1 entry lost of 1 known user\n$/)
    expect((await verifyJson(directory)).report).toMatchObject({
      verdict: 'corrupt',
      entries: 49,
      lost: { entries: 1, lsnRanges: [[23, 23]], users: ['user-3'] },
      damage: [{ kind: 'entry', file: FIRST, offset, endOffset: end, firstLsn: 23, lastLsn: 23, users: ['user-3'] }]
    })
  })

  it('in two places is told as two', async () => {
    const { directory, file } = await newClosedLog()
    flipBit(file, (await placeOf(directory, 9)).offset + PAYLOAD_AT)
    zeroOut(file, (await placeOf(directory, 32)).offset, 100)
    const { code, report } = await verifyJson(directory)
    expect(code).toBe(1)
    expect(report.damage).toHaveLength(2)
    expect(report.lost.lsnRanges).toEqual([[9, 9], [32, 34]])
  })

  it('user ids with escape bytes are escaped', async () => {
    const directory = newDirectory()
    await closedLog(directory, (recorder) => {
      recorder.append(Operation.ADD_MEASUREMENT, 'evil\u001b[2J\n', 'x')
      recorder.append(Operation.ADD_MEASUREMENT, 'next', 'x')
    })
    flipBit(join(directory, FIRST), (await placeOf(directory, 1)).offset + PAYLOAD_AT)
    const { code, stdout } = await runCli(['verify', directory])
    expect(code).toBe(1)
    expect(stdout).toContain("'evil\\u001b[2J\\n'")
    expect(stdout).not.toContain('\u001b')
  })
})

describe('segments', () => {
  async function severalSegments(): Promise<{ directory: string; files: string[]; segments: VerifyReport['segments'] }> {
    const directory = newDirectory()
    await closedLog(directory, (recorder) => recorder.measurements(3000, 500), SMALL)
    const { code, report } = await verifyJson(directory)
    expect({ code, verdict: report.verdict }).toEqual({ code: 0, verdict: 'clean' })
    expect(report.segments.length).toBeGreaterThan(2)
    return { directory, files: segmentFiles(directory), segments: report.segments }
  }

  it('each has a line', async () => {
    const { directory, files } = await severalSegments()
    const { stdout } = await runCli(['verify', directory])
    for (const file of files) expect(stdout).toMatch(new RegExp(`^${file}  sealed .* ok$`, 'm'))
  })

  it('a missing one: the LSNs that it held', async () => {
    const { directory, files, segments } = await severalSegments()
    rmSync(join(directory, files[1] as string))
    const { code, report } = await verifyJson(directory)
    expect(code).toBe(1)
    expect(report.lost.lsnRanges).toEqual([[segments[1]?.firstLsn, segments[1]?.lastLsn]])
  })

  it('one under the name of another: rejected, its LSNs lost', async () => {
    const { directory, files, segments } = await severalSegments()
    copyFileSync(join(directory, files[0] as string), join(directory, files[1] as string))
    const { code, report } = await verifyJson(directory)
    expect(code).toBe(1)
    expect(report.damage[0]).toMatchObject({ kind: 'misplaced_segment', file: files[1] })
    expect(report.lost.lsnRanges).toEqual([[segments[1]?.firstLsn, segments[1]?.lastLsn]])
  })

  it('one of another log: rejected', async () => {
    const { directory, files } = await severalSegments()
    const { directory: other } = await severalSegments()
    copyFileSync(join(other, files[1] as string), join(directory, files[1] as string))
    const { code, report } = await verifyJson(directory)
    expect(code).toBe(1)
    expect(report.damage[0]).toMatchObject({ kind: 'foreign_segment', file: files[1] })
  })

  it('a directory in the place of one: rejected, not followed', async () => {
    const { directory, files } = await severalSegments()
    renameSync(join(directory, files[1] as string), join(directory, 'aside'))
    mkdirSync(join(directory, files[1] as string))
    const { code, report } = await verifyJson(directory)
    expect(code).toBe(1)
    expect(report.damage[0]).toMatchObject({ kind: 'not_a_file', file: files[1] })
  })

  it('the only one replaced: that nothing is proven lost is not called no loss', async () => {
    const { directory, file } = await newClosedLog()
    renameSync(file, join(directory, 'aside'))
    mkdirSync(file)
    const { code, stdout } = await runCli(['verify', directory])
    expect(code).toBe(1)
    expect(stdout).toContain('no entry is proven lost')
  })
})

describe('a newer format version', () => {
  it('is refused by name with exit 3: it is no corruption', async () => {
    const { directory, file } = await newClosedLog()
    for (const copy of [0, 4096]) overwrite(file, copy + 8, Uint8Array.of(9, 0, 0, 0))
    const { code, stdout, stderr } = await runCli(['verify', directory])
    expect({ code, stdout }).toEqual({ code: 3, stdout: '' })
    expect(stderr).toContain('format version 9')
    expect(stderr).toContain('versions up to 3')
    expect(stderr).toContain('ERR_WAL_FORMAT_VERSION')
  })

  it('in one copy of the header only is damage of that copy', async () => {
    const { directory, file } = await newClosedLog()
    overwrite(file, 8, Uint8Array.of(9, 0, 0, 0))
    const { code, report } = await verifyJson(directory)
    expect(code).toBe(1)
    expect(report.damage).toMatchObject([{ kind: 'header_copy', offset: 0, endOffset: 4096, firstLsn: 0 }])
  })
})

describe('a file that is no segment', () => {
  it('is not called clean', async () => {
    const file = join(newDirectory(), 'notes.txt')
    writeFileSync(file, 'not a log\n'.repeat(2000))
    expect(statSync(file).size).toBeGreaterThan(8192)
    expect((await runCli(['verify', file])).code).not.toBe(0)
  })
})

describe('a log in use', () => {
  it('is verified beside a writer that rotates, again and again, and is clean each time', async () => {
    const wal = await Wal.open({ directory: newDirectory(), ...SMALL, batchIntervalMs: 5, maintenance: false })
    const recorder = new Recorder(wal)
    let running = true
    const writing = (async () => {
      while (running) {
        await recorder.measurements(200, 20)
        await new Promise((resolve) => setTimeout(resolve, 2))
      }
    })()
    for (let round = 0; round < 8; round++) {
      const { code, report } = await verifyJson(wal.directory)
      expect({ code, verdict: report.verdict, damage: report.damage, live: report.live }).toEqual({
        code: 0,
        verdict: 'clean',
        damage: [],
        live: true
      })
    }
    running = false
    await writing
    expect(wal.stats().rotations).toBeGreaterThan(1)
    await wal.close()
  })
})
