/**
 * Proves what `compact` and `restore` do and answer: what was dropped, what stays, labels; never a log where there was none; a lock
 * that is held (4), damage that forbids it (1, and nothing is changed), usage (2), nothing there (3).
 */
import { existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { Operation, readLog, scanLog, Wal } from '../../lib/index.js'
import { runCli } from '../support/command-line.js'
import { flipBit, zeroOut } from '../support/damage.js'
import { closedLog, fingerprint, Recorder, segmentFiles, unclosedLog } from '../support/logs.js'
import { temporaryDirectories } from '../support/temporary-directory.js'

const newDirectory = temporaryDirectories()
const SMALL = { segmentBytes: 65_536 }
const USERS = [0, 1, 2, 3, 4].map((index) => `user-${index}`)

interface Compacted {
  checkpoint: { number: number; lsn: number; entries: number } | undefined
  written: boolean
  removedSegments: number[]
  removedCheckpoints: number[]
  bytesBefore: number
  bytesAfter: number
}

/** Several segments of entries that are done with, and three that are not. Resolves with the last LSN and those of the three. */
async function doneLog(directory: string): Promise<{ lastLsn: number; open: number[] }> {
  const open: number[] = []
  const appended = await closedLog(
    directory,
    async (recorder) => {
      await recorder.measurements(4000, 500)
      for (const user of USERS) recorder.append(Operation.COMMIT, user, 'state')
      for (let value = 1; value <= 3; value++) open.push(recorder.append(Operation.ADD_MEASUREMENT, 'idle', `open ${value}`, value).lsn)
    },
    SMALL
  )
  return { lastLsn: appended.at(-1)?.lsn as number, open }
}

async function compactJson(directory: string, ...options: string[]): Promise<Compacted> {
  const { code, stdout, stderr } = await runCli(['compact', directory, '--format', 'json', ...options])
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
  return JSON.parse(stdout) as Compacted
}

async function lsnsOf(directory: string): Promise<number[]> {
  const lsns: number[] = []
  for await (const { lsn } of readLog(directory)) lsns.push(lsn)
  return lsns
}

describe('compact', () => {
  it('--drop leaves what is live, with its LSNs, and says what went', async () => {
    const directory = newDirectory()
    const { lastLsn, open } = await doneLog(directory)
    const segments = segmentFiles(directory)
    expect(segments.length).toBeGreaterThan(3)
    const done = await compactJson(directory, '--drop')
    expect(done).toMatchObject({ checkpoint: { lsn: lastLsn, entries: 8 }, written: true, removedSegments: segments.map((name) => Number.parseInt(name, 10)) })
    expect(done.bytesAfter).toBeLessThan(done.bytesBefore / 4)
    expect(segmentFiles(directory)).toEqual([])
    expect(await lsnsOf(directory)).toEqual([...USERS.map((_, index) => lastLsn - 7 + index), ...open])
    // LSNs go on.
    await closedLog(directory, (recorder) => expect(recorder.append(Operation.COMMIT, 'next', '').lsn).toBe(lastLsn + 1))
    expect((await scanLog(directory)).damage).toEqual([])
  })

  it('without --drop keeps the history that retention keeps; a second time there is nothing to do', async () => {
    const directory = newDirectory()
    const { lastLsn } = await doneLog(directory)
    expect(await compactJson(directory)).toMatchObject({ checkpoint: { number: 1, lsn: lastLsn }, written: true, removedSegments: [] })
    expect((await lsnsOf(directory)).length).toBe(lastLsn)
    expect(await compactJson(directory)).toMatchObject({ checkpoint: { number: 1, lsn: lastLsn }, written: false, removedSegments: [] })
  })

  it('in words, and as --compact DIR', async () => {
    const directory = newDirectory()
    const { lastLsn } = await doneLog(directory)
    const { code, stdout, stderr } = await runCli(['--compact', directory, '--drop'])
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
    expect(stdout).toMatch(new RegExp(`^checkpoint 2: stands for LSN 1-${lastLsn} with 8 entries, [\\d,]+ bytes$`, 'm'))
    expect(stdout).toMatch(/^removed: \d segments, 0 checkpoints$/m)
    expect(stdout).toMatch(/^on the disk: [\d,]+ bytes before, [\d,]+ after$/m)
  })

  it('--label keeps a copy, which can be restored from; the same label again is refused, and nothing goes', async () => {
    const directory = newDirectory()
    await doneLog(directory)
    await compactJson(directory, '--label', 'kept')
    const file = join(directory, 'archive', 'kept.ckpt')
    expect(existsSync(file)).toBe(true)
    const before = segmentFiles(directory)
    const { code, stderr } = await runCli(['compact', directory, '--drop', '--label', 'kept'])
    expect(code).toBe(2)
    expect(stderr).toContain('kept.ckpt is there already')
    expect(segmentFiles(directory)).toEqual(before)
  })

  it('--config: what is dropped goes to the archive directory that it names', async () => {
    const directory = newDirectory()
    const archive = newDirectory()
    await doneLog(directory)
    const segments = segmentFiles(directory)
    const config = join(newDirectory(), 'config.toml')
    writeFileSync(config, `[wal]\narchive_directory = ${JSON.stringify(archive)}\n`)
    await compactJson(directory, '--drop', '--config', config)
    expect(readdirSync(archive).sort()).toEqual(segments)
  })

  it('takes what a process that died has left', async () => {
    const directory = newDirectory()
    await unclosedLog(directory, newDirectory(), (recorder) => recorder.measurements(100, 10), SMALL)
    expect((await compactJson(directory, '--drop')).checkpoint).toMatchObject({ lsn: 100, entries: 100 })
    expect((await lsnsOf(directory)).length).toBe(100)
  })

  it('of a log without entries does nothing', async () => {
    const directory = newDirectory()
    await closedLog(directory, () => undefined)
    const { code, stdout } = await runCli(['compact', directory])
    expect({ code, stdout }).toEqual({ code: 0, stdout: 'the log never held an entry: there is nothing to compact\n' })
  })

  it('makes no log where there is none: exit 3, nothing is created', async () => {
    const parent = newDirectory()
    const missing = await runCli(['compact', join(parent, 'nothing')])
    expect(missing.code).toBe(3)
    expect(missing.stderr).toContain('ERR_WAL_NOT_FOUND')
    mkdirSync(join(parent, 'empty'))
    const empty = await runCli(['compact', join(parent, 'empty'), '--drop'])
    expect(empty.code).toBe(3)
    expect(empty.stderr).toContain('ERR_WAL_NOT_A_LOG')
    expect(readdirSync(parent, { recursive: true })).toEqual(['empty'])
  })

  it('of a log that a writer has open: exit 4, nothing is changed', async () => {
    const wal = await Wal.open({ directory: newDirectory(), maintenance: false, batchIntervalMs: 3_600_000 })
    new Recorder(wal).append(Operation.ADD_MEASUREMENT, 'u', 'staged')
    const { code, stderr } = await runCli(['compact', wal.directory, '--drop'])
    expect(code).toBe(4)
    expect(stderr).toContain('ERR_WAL_LOCKED')
    await wal.close()
    expect((await lsnsOf(wal.directory)).length).toBe(1)
  })

  it('where entries are lost: exit 1, says why, and every file is kept', async () => {
    const directory = newDirectory()
    await doneLog(directory)
    const [, second] = segmentFiles(directory) as [string, string]
    zeroOut(join(directory, second), 20_000, 100)
    const before = fingerprint(directory)
    const { code, stdout, stderr } = await runCli(['compact', directory, '--drop'])
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' })
    expect(stderr).toMatch(/error: entries \d+ to \d+ are damaged or missing .*; nothing was removed: ingest-wal repair .*\(ERR_WAL_CORRUPT\)/)
    for (const name of [...segmentFiles(directory), 'log.id']) expect(fingerprint(directory)[name]).toBe(before[name])
    expect(readdirSync(directory).filter((name) => name.includes('.ckpt'))).toEqual([])
  })
})

describe('restore', () => {
  async function keptCheckpoint(): Promise<{ file: string; lastLsn: number; open: number[] }> {
    const directory = newDirectory()
    const log = await doneLog(directory)
    await compactJson(directory, '--label', 'kept')
    return { file: join(directory, 'archive', 'kept.ckpt'), ...log }
  }

  it('makes a log of it, with the LSNs that it had, and says so', async () => {
    const { file, lastLsn, open } = await keptCheckpoint()
    const target = join(newDirectory(), 'restored')
    const { code, stdout, stderr } = await runCli(['restore', file, `${target}/`])
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
    expect(stdout).toMatch(new RegExp(`^restored .*kept\\.ckpt to .*restored/: log [0-9a-f]{32} as of LSN ${lastLsn}, 8 entries, `))
    expect((await lsnsOf(target)).slice(-3)).toEqual(open)
    expect((await runCli(['verify', target])).code).toBe(0)
    const again = await runCli(['restore', file, target, '--format', 'json'])
    expect(again.code).toBe(2)
    expect(again.stderr).toContain('is there already')
    const json = await runCli(['restore', file, newDirectory(), '--format', 'json'])
    expect(JSON.parse(json.stdout)).toMatchObject({ lastLsn, entries: 8 })
  })

  it('of a damaged one makes nothing: exit 1', async () => {
    const { file } = await keptCheckpoint()
    flipBit(file, 8192 + 60)
    const parent = newDirectory()
    const { code, stderr } = await runCli(['restore', file, join(parent, 'restored')])
    expect(code).toBe(1)
    expect(stderr).toContain('nothing was restored')
    expect(readdirSync(parent)).toEqual([])
  })

  it('of something else, or of nothing: exit 3', async () => {
    const directory = newDirectory()
    await doneLog(directory)
    const target = join(newDirectory(), 'restored')
    expect((await runCli(['restore', join(directory, segmentFiles(directory)[0] as string), target])).code).toBe(3)
    expect((await runCli(['restore', join(directory, 'nothing.ckpt'), target])).code).toBe(3)
    expect(existsSync(target)).toBe(false)
  })
})
