/**
 * What the generated measurements of the demo promise: the same bytes for the same arguments, exactly the rows and
 * users asked for, interleaved in the order of time, and both ways for a buffer to become ready.
 */
import { mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import type { MeasurementRow } from '../../lib/ingest/rows.js'
import { readAll } from './support.js'

interface Generated {
  file: string
  users: number
  measurements: number
  bytes: number
  endMs: number
}
interface Options {
  users: number
  measurements: number
  seed: number
  startMs: number
  file: string
}
type Generate = (options: Options) => Generated
const path = '../../scripts/lib/generate-measurements.mjs'
const { generateMeasurements } = (await import(path)) as { generateMeasurements: Generate }

const directory = mkdtempSync(join(tmpdir(), 'ingest-generate-'))
afterAll(() => rmSync(directory, { recursive: true }))

const startMs = Date.UTC(2026, 0, 1)
const generate = (name: string, seed: number, users = 1000, measurements = 500_000): Generated =>
  generateMeasurements({ users, measurements, seed, startMs, file: join(directory, name) })

test('the same arguments give the same bytes, another seed others', () => {
  const bytesOf = (name: string, seed: number): Buffer => readFileSync(generate(name, seed, 20, 5000).file)
  expect(bytesOf('a', 1).equals(bytesOf('b', 1))).toBe(true)
  expect(bytesOf('a', 1).equals(bytesOf('c', 2))).toBe(false)
})

test('the demo: 500,000 readable rows of 1,000 users in time order; full buffers and 72-hour windows', async () => {
  const generated = generate('demo.csv', 7)
  expect(generated).toMatchObject({ users: 1000, measurements: 500_000, bytes: statSync(generated.file).size })
  const { measurements, rejects } = await readAll(generated.file)
  expect(rejects).toEqual([])
  expect(measurements).toHaveLength(500_000)
  expect(measurements.at(-1)?.timestamp).toBe(generated.endMs)
  expect(measurements[0]?.timestamp).toBeGreaterThanOrEqual(startMs)
  const times = measurements.map(({ timestamp }) => timestamp)
  expect(times.every((time, index) => time >= (times[index - 1] ?? 0))).toBe(true)
  expect(measurements.every(({ value }) => Number.isInteger(value) && value >= 45 && value <= 190)).toBe(true)
  const byUser = new Map<string, MeasurementRow[]>()
  for (const row of measurements) {
    const rows = byUser.get(row.userId)
    if (rows === undefined) byUser.set(row.userId, [row])
    else rows.push(row)
  }
  expect(byUser.size).toBe(1000)
  const readiness = [...byUser.values()].map(howBuffersBecomeReady)
  expect(readiness.filter(({ full }) => full > 0).length).toBeGreaterThan(400)
  expect(readiness.filter(({ passed }) => passed > 0).length).toBeGreaterThan(400)
})

test('every user occurs when there are as many measurements as users', async () => {
  const { measurements } = await readAll(generate('few.csv', 3, 50, 50).file, { format: 'csv' })
  expect(new Set(measurements.map(({ userId }) => userId)).size).toBe(50)
})

/** How often a buffer of the default limits would be full, and how often its window would have passed. */
function howBuffersBecomeReady(rows: readonly MeasurementRow[]): { full: number; passed: number } {
  const ready = { full: 0, passed: 0 }
  let begin = 0
  for (const [index, { timestamp }] of rows.entries()) {
    const isFull = index - begin + 1 >= 100
    if (isFull) ready.full += 1
    else if (timestamp - (rows[begin]?.timestamp ?? NaN) >= 72 * 3_600_000) ready.passed += 1
    else continue
    begin = index + 1
  }
  return ready
}
