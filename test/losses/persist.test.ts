// Proves that a loss that recovery or reading has found is kept beside the log: over restarts, after the damaged segment is gone, and
// after a repair; that health says so until somebody acknowledges it, a live writer's too; that what was acknowledged stays so while
// the damage is in the log, and what comes anew is told; and that the file is not rewritten when there is no news.
import { existsSync, readFileSync, statSync, unlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { acknowledgeLosses, Operation, readLosses, repairCopy, repairLog, scanLog } from '../../lib/index.js'
import { flipBit, zeroOut } from '../support/damage.js'
import { closedLog } from '../support/logs.js'
import { temporaryDirectories } from '../support/temporary-directory.js'
import { damagedLog, damageEntry, FIRST, healthIn, inLog, lossesOf, openSmall, until } from './support.js'

const newDirectory = temporaryDirectories()
const LOST_23 = /^entry damage in 0000000000000001\.wal, LSN 23 lost, of "user-3"$/

async function newDamagedLog(lsn?: number): Promise<string> {
  const directory = newDirectory()
  await damagedLog(directory, lsn)
  return directory
}

describe('a loss that recovery finds', () => {
  test('is written down: where, what, whose, when, and where the copy is; for the owner alone', async () => {
    const directory = await newDamagedLog()
    const [damage] = (await scanLog(directory)).damage
    await healthIn(directory)
    const [loss, ...others] = lossesOf(directory)
    expect(others).toEqual([])
    expect(loss?.damage).toEqual(damage)
    expect(loss).toMatchObject({ moreUsers: 0, damage: { firstLsn: 23, lastLsn: 23, users: ['user-3'] } })
    expect(Date.parse(loss?.foundAt as string)).toBeGreaterThan(Date.parse('2020-01-01'))
    expect(loss?.quarantine).toEqual([`quarantine/${FIRST}.${damage?.offset}-${damage?.endOffset}.bytes`])
    expect(existsSync(join(directory, loss?.quarantine[0] as string))).toBe(true)
    expect(statSync(join(directory, 'losses.json')).mode & 0o777).toBe(0o600)
  })

  test('leaves health damaged when the segment is gone, start after start, until it is acknowledged', async () => {
    const directory = newDirectory()
    await closedLog(directory, async (recorder, wal) => {
      await recorder.measurements(50, 10)
      recorder.append(Operation.COMMIT, 'user-3', 'state', 11)
      await wal.checkpoint()
    }, { segmentBytes: 65_536 })
    await damageEntry(directory, 23)
    // Nobody but who reads the history meets it: a checkpoint stands for the segment.
    await inLog(directory, async (wal) => {
      expect(wal.health().status).toBe('ok')
      for await (const _ of wal.entries()) continue
      expect(wal.health()).toEqual({ status: 'damaged', reasons: [expect.stringMatching(LOST_23)] })
      await wal.compact({ drop: true })
    })
    expect(existsSync(join(directory, FIRST))).toBe(false)
    expect((await scanLog(directory)).damage).toEqual([])
    const told = { status: 'damaged', reasons: [expect.stringMatching(/LSN 23 lost, of "user-3", found by an earlier start \(20/)] }
    expect(await healthIn(directory)).toEqual(told)
    expect(await healthIn(directory)).toEqual(told)
    const losses = await readLosses(directory)
    expect(losses).toMatchObject({ earlier: [{ damage: { firstLsn: 23 } }], unacknowledged: [], problems: [] })
    await acknowledgeLosses(directory, losses.losses, [])
    expect(await healthIn(directory)).toEqual({ status: 'ok', reasons: [] })
    expect(existsSync(join(directory, 'losses.json'))).toBe(false)
  })

  test('is not written again while there is nothing new', async () => {
    const directory = await newDamagedLog()
    await healthIn(directory)
    const before = statSync(join(directory, 'losses.json'), { bigint: true })
    await inLog(directory, async (wal) => {
      for await (const _ of wal.entries()) continue
    })
    const { ino, mtimeNs } = statSync(join(directory, 'losses.json'), { bigint: true })
    expect({ ino, mtimeNs }).toEqual({ ino: before.ino, mtimeNs: before.mtimeNs })
  })

  test('of a whole log leaves nothing beside it', async () => {
    const directory = newDirectory()
    await closedLog(directory, (recorder) => recorder.measurements(50, 10))
    expect(await healthIn(directory)).toEqual({ status: 'ok', reasons: [] })
    expect([existsSync(join(directory, 'losses.json')), existsSync(join(directory, 'acknowledged.json'))]).toEqual([false, false])
  })

  test('that the next start mends, log.id, is told until it is acknowledged, and told anew when it is lost again', async () => {
    const directory = newDirectory()
    await closedLog(directory, (recorder) => recorder.measurements(5))
    for (let round = 1; round <= 2; round++) {
      zeroOut(join(directory, 'log.id'), 0, 8)
      expect((await healthIn(directory)).reasons).toEqual([expect.stringMatching(/^identity damage in log\.id/)])
      expect(await healthIn(directory)).toMatchObject({ status: 'damaged', reasons: [expect.stringContaining('found by an earlier start')] })
      await inLog(directory, (wal) => wal.acknowledgeLoss())
      expect((await healthIn(directory)).status).toBe('ok')
    }
  })

  test('of a segment that is missing is one loss, however many starts there are', async () => {
    const directory = newDirectory()
    await closedLog(directory, (recorder) => recorder.measurements(3000, 500), { segmentBytes: 65_536 })
    unlinkSync(join(directory, '0000000000000002.wal'))
    for (let start = 1; start <= 3; start++) expect((await healthIn(directory)).reasons.length).toBe(1)
    expect(lossesOf(directory).length).toBe(1)
    await inLog(directory, (wal) => wal.acknowledgeLoss())
    expect((await healthIn(directory)).status).toBe('ok')
  })

  test('with onCorruption stop is told after the restart too, though the log does not show it any more', async () => {
    const directory = await newDamagedLog()
    await inLog(directory, () => undefined, { onCorruption: 'stop' })
    expect((await healthIn(directory)).status).toBe('damaged')
    expect(lossesOf(directory)).toMatchObject([{ damage: { firstLsn: 23 } }])
  })

  test("with onCorruption fail changes nothing: there is no writer that could have written it down", async () => {
    const directory = await newDamagedLog()
    await expect(openSmall(directory, { onCorruption: 'fail' })).rejects.toMatchObject({ code: 'ERR_WAL_CORRUPT' })
    expect(lossesOf(directory)).toEqual([])
  })
})

describe('acknowledged', () => {
  test('in this process: health is ok at once, and after the restart, while the damage stays in the log', async () => {
    const directory = await newDamagedLog()
    await inLog(directory, async (wal) => {
      expect(wal.health().status).toBe('damaged')
      expect(await wal.acknowledgeLoss()).toMatchObject([{ kind: 'entry', firstLsn: 23 }])
      expect(wal.health()).toEqual({ status: 'ok', reasons: [] })
      for await (const _ of wal.entries()) continue
      expect(wal.health().status).toBe('ok')
      expect(await wal.acknowledgeLoss()).toEqual([])
      expect(wal.metrics.wal_corruptions_total['entry']).toBe(1)
    })
    expect((await scanLog(directory)).damage.length).toBe(1)
    expect(await healthIn(directory)).toEqual({ status: 'ok', reasons: [] })
  })

  test('from outside: the writer learns of it by itself', async () => {
    const directory = await newDamagedLog()
    await inLog(directory, async (wal) => {
      const { losses, unacknowledged } = await readLosses(directory, (await scanLog(directory)).damage)
      await acknowledgeLosses(directory, losses, unacknowledged)
      await until(() => wal.health().status === 'ok')
      await until(() => !existsSync(join(directory, 'losses.json')))
    })
  })

  test('before any writer has met it: the next start says nothing', async () => {
    const directory = await newDamagedLog()
    const { damage } = await scanLog(directory)
    const { losses, unacknowledged } = await readLosses(directory, damage)
    expect([losses, unacknowledged]).toEqual([[], damage])
    await acknowledgeLosses(directory, losses, unacknowledged, damage)
    expect(await healthIn(directory)).toEqual({ status: 'ok', reasons: [] })
    expect((await readLosses(directory, damage)).unacknowledged).toEqual([])
  })

  test('what comes after it is told, and nothing of what was before', async () => {
    const directory = await newDamagedLog(23)
    await inLog(directory, (wal) => wal.acknowledgeLoss())
    await damageEntry(directory, 40)
    expect((await healthIn(directory)).reasons).toEqual([expect.stringContaining('LSN 40 lost')])
    // The same place, which now costs more.
    const [first] = (await scanLog(directory)).damage
    flipBit(join(directory, FIRST), (first?.endOffset ?? NaN) + 4)
    const { reasons } = await healthIn(directory)
    expect(reasons.some((reason) => /LSN 23 to 24 lost/.test(reason))).toBe(true)
  })

  test('what came between the look and the acknowledgement is not acknowledged by it', async () => {
    const directory = await newDamagedLog(23)
    await inLog(directory, () => undefined)
    const seen = await readLosses(directory)
    await damageEntry(directory, 40)
    await inLog(directory, () => undefined)
    await acknowledgeLosses(directory, seen.losses, [])
    expect((await healthIn(directory)).reasons).toEqual([expect.stringContaining('LSN 40 lost')])
  })

  test('by two at once, and by one that was killed in the midst: nothing is acknowledged that nobody acknowledged', async () => {
    const directory = await newDamagedLog(23)
    await damageEntry(directory, 40)
    const { damage } = await scanLog(directory)
    writeFileSync(join(directory, 'acknowledged.json.0123.tmp'), '{"version":1,"ackn')
    await Promise.all(damage.map((each) => acknowledgeLosses(directory, [], [each])))
    const { reasons } = await healthIn(directory)
    expect(reasons.length).toBeLessThanOrEqual(1)
    expect(existsSync(join(directory, 'acknowledged.json.0123.tmp'))).toBe(false)
  })

  test('forgets places that the log does not show any more', async () => {
    const directory = await newDamagedLog(23)
    const { damage } = await scanLog(directory)
    await acknowledgeLosses(directory, [], damage, damage)
    await damageEntry(directory, 40)
    const left = (await scanLog(directory)).damage.filter(({ firstLsn }) => firstLsn === 40)
    await acknowledgeLosses(directory, [], left, left)
    const kept = JSON.parse(readFileSync(join(directory, 'acknowledged.json'), 'utf8')) as { acknowledged: Array<{ place: { firstLsn: number } }> }
    expect(kept.acknowledged.map(({ place }) => place.firstLsn)).toEqual([40])
  })
})

describe('a repair', () => {
  test.each(['in place', 'on a copy'])('%s acknowledges nothing: the loss is made final, and told', async (how) => {
    const directory = await newDamagedLog()
    const repaired = how === 'in place' ? directory : join(newDirectory(), 'repaired')
    const { remaining } = how === 'in place' ? await repairLog(directory) : await repairCopy(directory, repaired)
    expect(remaining).toEqual([])
    expect((await scanLog(repaired)).damage).toEqual([])
    expect((await healthIn(repaired)).reasons).toEqual([expect.stringMatching(/LSN 23 lost, of "user-3", found by an earlier start/)])
    await inLog(repaired, (wal) => wal.acknowledgeLoss())
    expect((await healthIn(repaired)).status).toBe('ok')
  })

  test('takes what was acknowledged before with it', async () => {
    const directory = await newDamagedLog()
    await inLog(directory, (wal) => wal.acknowledgeLoss())
    const repaired = join(newDirectory(), 'repaired')
    await repairCopy(directory, repaired)
    expect((await healthIn(repaired)).status).toBe('ok')
  })
})
