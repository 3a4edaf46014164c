/**
 * Proves of `verify --acknowledge` that it acknowledges what it has listed and nothing else, beside a live writer too, whose health
 * is ok then without a restart; that `verify` without it changes nothing and lists what the log does not show any more; and that the
 * answer of the process stays that of the bytes.
 */
import { existsSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { repairLog } from '../../lib/index.js'
import { runCli } from '../support/command-line.js'
import { fingerprint } from '../support/logs.js'
import { temporaryDirectories } from '../support/temporary-directory.js'
import { damagedLog, damageEntry, healthIn, inLog, until } from '../losses/support.js'

const newDirectory = temporaryDirectories()

interface VerifyReport {
  verdict: string
  damage: object[]
  earlierLosses: Array<{ firstLsn: number; users: string[]; foundAt: string; quarantine: string[]; moreUsers: number }>
  unacknowledged: number
  acknowledged: number
  lossProblems: string[]
}

async function newDamagedLog(): Promise<string> {
  const directory = newDirectory()
  await damagedLog(directory)
  return directory
}

async function verifyJson(directory: string, ...more: string[]): Promise<{ code: number | null; report: VerifyReport }> {
  const { code, stdout } = await runCli(['verify', directory, '--format', 'json', ...more])
  return { code, report: JSON.parse(stdout) as VerifyReport }
}

describe('damage that is in the log', () => {
  it('is acknowledged and stays: verify still answers 1, health is ok', async () => {
    const directory = await newDamagedLog()
    const { stdout: told } = await runCli(['verify', directory])
    expect(told).toContain(`not acknowledged: 1 loss; ingest-wal verify ${directory} --acknowledge does it\n`)
    const { code, stdout } = await runCli(['verify', directory, '--acknowledge'])
    expect(code).toBe(1)
    expect(stdout).toContain('acknowledged: 1 loss\n')
    expect(stdout).not.toContain('not acknowledged')
    expect(await healthIn(directory)).toEqual({ status: 'ok', reasons: [] })
    const { code: again, report } = await verifyJson(directory, '--acknowledge')
    expect([again, report]).toMatchObject([1, { verdict: 'corrupt', unacknowledged: 0, acknowledged: 0, earlierLosses: [] }])
    expect(report.damage.length).toBe(1)
  })

  it('of a live log: its health is ok without a restart, and damaged again by what comes later', async () => {
    const directory = await newDamagedLog()
    await inLog(directory, async (wal) => {
      expect(wal.health().status).toBe('damaged')
      expect((await runCli(['verify', directory, '--acknowledge'])).code).toBe(1)
      await until(() => wal.health().status === 'ok')
      await damageEntry(directory, 40)
      for await (const _ of wal.entries()) continue
      expect(wal.health()).toEqual({ status: 'damaged', reasons: [expect.stringContaining('LSN 40 lost')] })
    })
  })
})

describe('what the log does not show any more', () => {
  it('is listed, with time, users and copies, and answers 0; acknowledged, it is not listed', async () => {
    const directory = await newDamagedLog()
    await inLog(directory, () => undefined)
    await repairLog(directory)
    const before = fingerprint(directory)
    const { code, stdout } = await runCli(['verify', directory])
    expect(code).toBe(0)
    expect(stdout).toMatch(/\nearlier loss: entry in 0000000000000001\.wal, bytes \d+-\d+: LSN 23 lost, 1 entry of 'user-3', found 20[\d-]+T[\d:.]+Z; copied to quarantine\/0000000000000001\.wal\.\d+-\d+\.bytes\n/)
    expect(stdout).toMatch(/\nclean: /)
    const { report } = await verifyJson(directory)
    expect(report).toMatchObject({ verdict: 'clean', unacknowledged: 1, acknowledged: 0, earlierLosses: [{ firstLsn: 23, users: ['user-3'], moreUsers: 0 }] })
    const keys = ['detail', 'endOffset', 'file', 'firstLsn', 'foundAt', 'id', 'kind', 'lastLsn', 'moreUsers', 'offset', 'previousLsn', 'quarantine', 'segment', 'users']
    expect(Object.keys(report.earlierLosses[0] as object).sort()).toEqual(keys)
    expect(existsSync(join(directory, report.earlierLosses[0]?.quarantine[0] as string))).toBe(true)
    expect(fingerprint(directory)).toEqual(before)
    const { code: done, report: acknowledged } = await verifyJson(directory, '--acknowledge')
    expect([done, acknowledged.acknowledged, acknowledged.unacknowledged]).toEqual([0, 1, 0])
    expect((await verifyJson(directory)).report).toMatchObject({ earlierLosses: [], unacknowledged: 0 })
    expect((await healthIn(directory)).status).toBe('ok')
  })
})

describe('files of losses', () => {
  it('that cannot be read are corruption', async () => {
    const directory = await newDamagedLog()
    await inLog(directory, (wal) => wal.acknowledgeLoss())
    writeFileSync(join(directory, 'acknowledged.json'), 'noise\u001b[31m')
    const { code, stdout } = await runCli(['verify', directory])
    expect(code).toBe(1)
    expect(stdout).toContain('corruption: acknowledged.json cannot be used: it is not JSON\n')
    expect(stdout).toMatch(/damaged in 2 places/)
  })

  it('with escape sequences in them are shown escaped', async () => {
    const directory = await newDamagedLog()
    const evil = '\u001b]0;evil\u0007'
    const damage = { kind: 'entry', segment: 1, file: 'f', offset: 0, endOffset: 1, firstLsn: 1, lastLsn: 1, previousLsn: 0, users: [`u${evil}`], detail: `d${evil}` }
    const losses = [{ id: 'a', foundAt: '2026-01-01', damage, moreUsers: 1, quarantine: [] }]
    writeFileSync(join(directory, 'losses.json'), JSON.stringify({ version: 1, losses }))
    const { stdout } = await runCli(['verify', directory])
    expect(stdout).toContain('earlier loss')
    expect(stdout).not.toMatch(/[\u0000-\u0009\u000b-\u001f]/)
  })

  it('of a single file there are none: --acknowledge is refused', async () => {
    const directory = await newDamagedLog()
    const { code, stderr } = await runCli(['verify', join(directory, '0000000000000001.wal'), '--acknowledge'])
    expect(code).toBe(3)
    expect(stderr).toContain('ERR_WAL_NOT_A_LOG')
  })
})
