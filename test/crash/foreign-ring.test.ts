/**
 * Entries that a dead process left in shared memory are never passed over in silence: a ring that cannot be trusted makes
 * `open` fail, and when it can be read again, all is there.
 */
import { chmodSync, existsSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { scanLog, Wal } from '../../lib/index.js'
import { sleep, startChild, temporaryDirectory } from './support.js'

const SHARED_MEMORY = '/dev/shm'
const ENTRIES = 200
/** The child reports before open, after it, and each entry, eight bytes each time. */
const REPORT_BYTES = (ENTRIES + 2) * 8

test.runIf(existsSync(SHARED_MEMORY))('a ring that others could have written to is refused by name, and not lost', async () => {
  const directory = join(temporaryDirectory(), 'wal')
  let reported = 0
  const options = JSON.stringify({ batchIntervalMs: 3_600_000 })
  const child = startChild('append-and-report.mjs', [directory, '1', String(ENTRIES), options], (bytes) => (reported += bytes.length))
  while (reported < REPORT_BYTES) await sleep(5)
  child.process.kill('SIGKILL')
  await child.ended
  const { ring, logId } = await scanLog(directory)
  expect(ring.entries).toBe(ENTRIES)
  const name = `ingest-wal-${logId.slice(0, 16)}-0`

  chmodSync(join(SHARED_MEMORY, name), 0o622)
  await expect(Wal.open({ directory })).rejects.toMatchObject({ code: 'ERR_WAL_PERMISSION' })
  await expect(Wal.open({ directory })).rejects.toThrow(name)

  chmodSync(join(SHARED_MEMORY, name), 0o600)
  const wal = await Wal.open({ directory })
  expect(wal.lastLsn).toBe(ENTRIES)
  await wal.close()
})
