/**
 * Real measurement files are read whole: FitBit readings of spring 2016 (Furberg, Brinton, Keating, Ortiz (2016),
 * Zenodo, doi 10.5281/zenodo.53894). They are not part of this repository: the folder is looked for beside it, or at
 * INGEST_WAL_DATA.
 */
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { readAll, type AllRows } from './support.js'

const folder = process.env.INGEST_WAL_DATA ?? fileURLToPath(new URL('../../../shared/data', import.meta.url))
const HEART_RATE = 'heartrate_seconds_3.29.16-4.12.16_5users.csv.gz'
const WEIGHT = 'weightLogInfo_merged.csv.gz'
const SLEEP = 'sleepDay_merged.csv.gz'

const usersOf = ({ measurements }: AllRows): number => new Set(measurements.map(({ userId }) => userId)).size

const present = existsSync(join(folder, HEART_RATE))
const withData = test.runIf(present)
if (!present) console.log(`real-data.test skipped: no data in ${folder}; set INGEST_WAL_DATA to read the real files`)

withData('heart rate: 530,859 rows of 5 users, none rejected, strictly later within a user', async () => {
  const startMs = performance.now()
  const rows = await readAll(join(folder, HEART_RATE))
  const rate = rows.measurements.length / ((performance.now() - startMs) / 1000)
  console.log(`real-data.test: ${Math.round(rate).toLocaleString('en')} rows/s, gzip and time parsing included`)
  expect(rows.rejects).toEqual([])
  expect(rows.measurements).toHaveLength(530_859)
  expect(usersOf(rows)).toBe(5)
  const timestamp = Date.UTC(2016, 3, 1, 7, 54)
  expect(rows.measurements[0]).toEqual({ row: 1, userId: '2022484408', timestamp, value: 93 })
  expect(rows.measurements.at(-1)?.row).toBe(530_859)
  const last = new Map<string, number>()
  for (const { userId, timestamp } of rows.measurements) {
    const before = last.get(userId) ?? -Infinity
    if (timestamp <= before) expect.fail(`${userId}: ${timestamp} is not later than ${before}`)
    last.set(userId, timestamp)
  }
})

withData('weight: 67 rows of 8 users; LogId is the time in epoch ms, which proves the reading as UTC', async () => {
  const rows = await readAll(join(folder, WEIGHT))
  expect(rows.rejects).toEqual([])
  expect(rows.measurements).toHaveLength(67)
  expect(usersOf(rows)).toBe(8)
  expect(rows.measurements[0]?.value).toBe(52.5999984741211)
  for (const { timestamp, fields } of rows.measurements) expect(fields?.['LogId']).toBe(String(timestamp))
  expect(Object.keys(rows.measurements[0]?.fields ?? {})).toEqual([
    'WeightPounds', 'Fat', 'BMI', 'IsManualReport', 'LogId'
  ])
})

withData('sleep: 413 rows of 24 users, columns by name', async () => {
  const rows = await readAll(join(folder, SLEEP), { timeColumn: 'SleepDay', valueColumn: 'TotalMinutesAsleep' })
  expect(rows.rejects).toEqual([])
  expect(rows.measurements).toHaveLength(413)
  expect(usersOf(rows)).toBe(24)
})
