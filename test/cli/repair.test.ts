/**
 * Proves what `repair` says and answers: the losses as verify tells them, what was done and where; on a copy by default; in place
 * only when asked; exit codes for nothing to do (0), a writer (4), usage (2), nothing there (3).
 */
import { existsSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { Operation, readLog, Wal } from '../../lib/index.js'
import { runCli } from '../support/command-line.js'
import { flipBit } from '../support/damage.js'
import { closedLog, fingerprint, segmentFiles } from '../support/logs.js'
import { temporaryDirectories } from '../support/temporary-directory.js'

const newDirectory = temporaryDirectories()
const FIRST = '0000000000000001.wal'

/** Fifty entries, of which the 23rd, of a user with escape bytes, is damaged. */
async function damagedLog(): Promise<string> {
  const directory = join(newDirectory(), 'log')
  await closedLog(directory, async (recorder) => {
    await recorder.measurements(22)
    recorder.append(Operation.ADD_MEASUREMENT, 'evil\u001b[2J', 'x')
    await recorder.measurements(27)
  })
  for await (const { offset } of readLog(directory, { fromLsn: 23 })) {
    flipBit(join(directory, FIRST), offset + 32)
    break
  }
  return directory
}

async function lsnsOf(directory: string): Promise<number[]> {
  const lsns: number[] = []
  for await (const { lsn } of readLog(directory)) lsns.push(lsn)
  return lsns
}

const LEFT = [...Array(50).keys()].map((index) => index + 1).filter((lsn) => lsn !== 23)

describe('repair', () => {
  it('makes a whole log of a copy, PATH.repaired, says what is lost and what it did; exit 0', async () => {
    const directory = await damagedLog()
    const before = fingerprint(directory)
    const { code, stdout, stderr } = await runCli(['repair', `${directory}/`])
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
    expect(stdout).toMatch(new RegExp(`^corruption: entry in ${FIRST}, bytes \\d+-\\d+: LSN 23 lost, 1 entry of 'evil\\\\u001b\\[2J'`, 'm'))
    expect(stdout).toMatch(/^lost: 1 entry of 1 known user$/m)
    expect(stdout).toMatch(new RegExp(`^quarantined: ${FIRST}$`, 'm'))
    expect(stdout).toMatch(/^clean: .*log\.repaired, checkpoint 2 stands for LSN 1-50 with 49 entries$/m)
    expect(fingerprint(directory)).toEqual(before)
    expect(await lsnsOf(`${directory}.repaired`)).toEqual(LEFT)
    expect((await runCli(['verify', `${directory}.repaired`])).code).toBe(0)
    const again = await runCli(['repair', directory])
    expect(again.code).toBe(2)
    expect(again.stderr).toContain('log.repaired is there already')
  })

  it('--out says where; as JSON', async () => {
    const directory = await damagedLog()
    const target = newDirectory()
    const { code, stdout } = await runCli(['repair', directory, '--out', target, '--format', 'json'])
    expect(code).toBe(0)
    expect(JSON.parse(stdout)).toMatchObject({
      path: directory,
      repaired: true,
      directory: target,
      lost: { entries: 1, lsnRanges: [[23, 23]], users: ['evil\u001b[2J'] },
      damage: [{ kind: 'entry', file: FIRST, firstLsn: 23, lastLsn: 23 }],
      tainted: [],
      checkpoint: { number: 2, lsn: 50, entries: 49 },
      quarantined: [FIRST],
      report: join(target, 'quarantine', 'repair-1.json'),
      stagedEntries: 0,
      remaining: []
    })
    expect(stdout).not.toContain('\u001b')
  })

  it('--in-place repairs the log itself and keeps what was damaged in quarantine', async () => {
    const directory = await damagedLog()
    const { code, stdout } = await runCli(['repair', directory, '--in-place'])
    expect(code).toBe(0)
    expect(stdout).toMatch(/^clean: .*log, checkpoint 2 /m)
    expect(existsSync(`${directory}.repaired`)).toBe(false)
    expect(readdirSync(join(directory, 'quarantine'))).toContain(FIRST)
    expect(segmentFiles(directory)).toEqual([])
    expect(await lsnsOf(directory)).toEqual(LEFT)
    await closedLog(directory, (recorder) => expect(recorder.append(Operation.COMMIT, 'next', '').lsn).toBe(51))
    expect((await runCli(['compact', directory, '--drop'])).code).toBe(0)
  })

  it('of a log that is whole, or only torn, does nothing: exit 0', async () => {
    const directory = join(newDirectory(), 'log')
    await closedLog(directory, (recorder) => recorder.measurements(20))
    const before = fingerprint(directory)
    for (const options of [[], ['--in-place']]) {
      const { code, stdout } = await runCli(['repair', directory, ...options])
      expect(code).toBe(0)
      expect(stdout).toMatch(/^clean: nothing in .* is damaged, and nothing was changed$/m)
    }
    expect(JSON.parse((await runCli(['repair', directory, '--format', 'json'])).stdout)).toMatchObject({ repaired: false, directory: null, report: null })
    expect(fingerprint(directory)).toEqual(before)
    expect(existsSync(`${directory}.repaired`)).toBe(false)
  })

  it('of a log that a writer has open: exit 4', async () => {
    const wal = await Wal.open({ directory: await damagedLog(), maintenance: false })
    for (const options of [[], ['--in-place']]) {
      const { code, stderr } = await runCli(['repair', wal.directory, ...options])
      expect(code).toBe(4)
      expect(stderr).toContain('ERR_WAL_LOCKED')
    }
    await wal.close()
  })

  it('of nothing, of no log, of one file: exit 3; in place and with --out: exit 2', async () => {
    const directory = await damagedLog()
    for (const path of [join(newDirectory(), 'nothing'), newDirectory(), join(directory, FIRST)]) {
      for (const options of [[], ['--in-place']]) expect((await runCli(['repair', path, ...options])).code).toBe(3)
    }
    const both = await runCli(['repair', directory, '--in-place', '--out', 'x'])
    expect(both.code).toBe(2)
    expect(both.stderr).toContain("cannot be used with option '--out <directory>'")
  })
})
