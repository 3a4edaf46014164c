/**
 * The test of all: `ingest`, killed with SIGKILL at random moments and started again each time, ends with the states of a
 * run that was never killed, byte for byte, with every row logged once.
 *
 * INGEST_WAL_INGEST_KILLS sets the kills of each run (default 6 on generated rows, 3 on the real ones).
 */
import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { generateMeasurements } from '../../scripts/lib/generate-measurements.mjs'
import { compareWithUnbroken } from '../../scripts/lib/kill-ingest.mjs'
import { DATA_FOLDER } from '../data-folder.js'

const SEED = Number(process.env['INGEST_WAL_SEED'] ?? 1)
const kills = (usual: number): number => Number(process.env['INGEST_WAL_INGEST_KILLS'] ?? usual)

let work: string
beforeAll(() => {
  work = mkdtempSync(join(tmpdir(), 'ingest-wal-kills-'))
})
afterAll(() => rmSync(work, { recursive: true, force: true }))

async function expectSame(file: string, times: number, options: string[]): Promise<void> {
  const { same, whole, broken, logged } = await compareWithUnbroken({ file, work, kills: times, seed: SEED, options })
  expect(same, `states differ, seed ${SEED}`).toBe(true)
  expect(broken.kills).toBe(times)
  expect(broken.summary).toMatchObject({
    rows: whole.summary.rows,
    rejected: whole.summary.rejected
  })
  expect(logged).toBe(whole.summary.logged)
  expect(whole.summary.logged).toBe(whole.summary.rows - whole.summary.rejected)
  expect(whole.summary.replayed).toBe(whole.summary.logged)
}

describe(`ingest killed with SIGKILL (seed ${SEED}) ends with the states of an unbroken run`, () => {
  test('on generated measurements of interleaved users', async () => {
    const file = join(work, 'generated.csv')
    generateMeasurements({ users: 50, measurements: 40_000, seed: SEED, startMs: Date.UTC(2026, 0, 1), file })
    await expectSame(file, kills(6), [])
  })

  const weights = join(DATA_FOLDER, 'weightLogInfo_merged.csv.gz')
  test.runIf(existsSync(weights))('on real weights', async () => {
    await expectSame(weights, kills(3), ['--value-column', 'WeightKg'])
  })

  const heartRates = join(DATA_FOLDER, 'heartrate_seconds_3.29.16-4.12.16_5users.csv.gz')
  test.runIf(existsSync(heartRates))('on real heart rates', async () => {
    await expectSame(heartRates, kills(3), [])
  })

  if (!existsSync(heartRates)) console.log(`the real measurements are not in ${DATA_FOLDER}: tests on them are skipped`)
})
