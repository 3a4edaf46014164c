/** Proves that entries which are appended and awaited in one turn of the event loop cost one sync together. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { Operation, Wal } from '../../lib/index.js'

const WAITERS = 200
const HOUR_MS = 3_600_000

let directory: string
let wal: Wal
beforeEach(async () => {
  directory = mkdtempSync(join(tmpdir(), 'ingest-wal-shared-sync-'))
  wal = await Wal.open({ directory, batchIntervalMs: HOUR_MS })
})
afterEach(async () => {
  await wal.close()
  rmSync(directory, { recursive: true, force: true })
})

async function appendAndWait(): Promise<void> {
  const lsn = wal.append(Operation.ADD_MEASUREMENT, 'user-1', Buffer.from('payload'))
  await wal.durable(lsn)
}

test('in one turn', async () => {
  const before = wal.stats().syncs
  await Promise.all(Array.from({ length: WAITERS }, () => appendAndWait()))
  expect(wal.stats().syncs - before).toBe(1)
  expect(wal.durableLsn).toBe(WAITERS)
})

test('again by those who were woken together, round after round', async () => {
  const rounds = 5
  const before = wal.stats().syncs
  const waiter = async (): Promise<void> => {
    for (let round = 0; round < rounds; round++) await appendAndWait()
  }
  await Promise.all(Array.from({ length: WAITERS }, waiter))
  expect(wal.stats().syncs - before).toBe(rounds)
})

test('one alone is not kept waiting for company', async () => {
  await appendAndWait()
  expect(wal.durableLsn).toBe(1)
})
