// Proves that a record of another user in the place of a lost one, as a misdirected write or a swap of blocks leaves it, names nobody:
// whoever has lost the entry is tainted, whosever bytes stand there now.
import { cpSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { Operation, readLog, recover, ReplayBuffer, scanLog, Wal, type Entry } from '../../lib/index.js'
import { overwrite } from '../support/damage.js'
import { temporaryDirectories } from '../support/temporary-directory.js'

const newDirectory = temporaryDirectories()
const SEGMENT = '0000000000000001.wal'
/** A short entry of a measurement that is numbers alone, without an origin. */
const RECORD_BYTES = 56

async function closedLog(): Promise<{ directory: string; adds: Entry[] }> {
  const directory = newDirectory()
  const wal = await Wal.open({ directory, maintenance: false })
  const buffer = new ReplayBuffer({ wal })
  for (const timestamp of [1, 2]) for (const userId of ['a', 'b']) buffer.add(userId, { timestamp, value: timestamp })
  await wal.close()
  const adds: Entry[] = []
  for await (const entry of readLog(directory)) if (entry.operation === Operation.ADD_MEASUREMENT) adds.push(entry)
  return { directory, adds }
}

it('bytes of another user in the place of the last entry, or of any, clear nobody who has lost it', async () => {
  const { directory, adds } = await closedLog()
  expect(adds).toHaveLength(4)
  let damaged = 0
  for (const lost of adds) {
    for (const { offset, userId } of adds) {
      if (userId === lost.userId) continue
      const copy = newDirectory()
      cpSync(directory, copy, { recursive: true })
      overwrite(join(copy, SEGMENT), lost.offset, readFileSync(join(directory, SEGMENT)).subarray(offset, offset + RECORD_BYTES))
      const { damage } = await scanLog(copy)
      expect(damage.map(({ firstLsn, lastLsn, users }) => [firstLsn, lastLsn, users])).toEqual([[lost.lsn, lost.lsn, []]])
      const { tainted } = await recover({ entries: (options) => readLog(copy, options) })
      expect(tainted.map((taint) => taint.userId)).toContain(lost.userId)
      damaged++
    }
  }
  expect(damaged).toBe(8)
})
