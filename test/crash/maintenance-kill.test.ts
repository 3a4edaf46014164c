/**
 * Maintenance cut at any step and run again: a service that dies by SIGKILL behind each step of it, and at random moments, ends
 * with the states of a run that never died; nothing half made is left over, no entry is lost, and the log stays small. The same of
 * segments that are compressed: each entry is there once, whichever of the two files holds it, or both.
 *
 * INGEST_WAL_MAINTENANCE_KILLS sets the number of random kills (default 8), INGEST_WAL_SEED the seed.
 */
import { spawn } from 'node:child_process'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { gunzipSync } from 'node:zlib'
import { beforeAll, describe, expect, test } from 'vitest'
import { readLog, scanLog } from '../../lib/index.js'
import type { MaintenanceStep } from '../../lib/maintenance/steps.js'
import { mulberry32 } from '../../scripts/lib/generate-measurements.mjs'
import { temporaryDirectories } from '../support/temporary-directory.js'

const SEED = Number(process.env['INGEST_WAL_SEED'] ?? 1)
const KILLS = Number(process.env['INGEST_WAL_MAINTENANCE_KILLS'] ?? 8)
const ROWS = 9000
const CHILD = join(import.meta.dirname, 'children/maintain.mjs')

const newDirectory = temporaryDirectories()

interface Ended {
  killed: boolean
  stdout: string
}

interface RunOptions {
  mode?: 'drop' | 'compress'
  at?: readonly [MaintenanceStep, number]
  killAfterMs?: number
}

function run(directory: string, options: RunOptions = {}): Promise<Ended> {
  return new Promise((resolve, reject) => {
    const args = [CHILD, options.mode ?? 'drop', directory, String(ROWS), ...(options.at ?? []).map(String)]
    const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'pipe'] })
    let stdout = ''
    let stderr = ''
    child.stdout.on('data', (chunk) => (stdout += String(chunk)))
    child.stderr.on('data', (chunk) => (stderr += String(chunk)))
    if (options.killAfterMs !== undefined) setTimeout(() => child.kill('SIGKILL'), options.killAfterMs)
    child.on('error', reject)
    child.on('close', (code, signal) => {
      if (signal === 'SIGKILL') resolve({ killed: true, stdout: '' })
      else if (code === 0) resolve({ killed: false, stdout })
      else reject(new Error(`the child answered ${code ?? signal}: ${stderr}`))
    })
  })
}

let unbroken = ''
let unbrokenMs = 0
beforeAll(async () => {
  const startedAt = performance.now()
  unbroken = (await run(newDirectory())).stdout
  unbrokenMs = performance.now() - startedAt
})

async function expectWhole(directory: string): Promise<void> {
  const scan = await scanLog(directory)
  expect(scan.damage).toEqual([])
  const names = readdirSync(directory)
  expect(names.filter((name) => name.endsWith('.tmp'))).toEqual([])
  expect(names.filter((name) => name.endsWith('.ckpt'))).toHaveLength(2)
  const archive = join(directory, 'archive')
  for (const name of existsSync(archive) ? readdirSync(archive) : []) {
    if (name.endsWith('.ckpt')) expect((await scanLog(join(archive, name))).damage, name).toEqual([])
  }
}

const STEPS: readonly MaintenanceStep[] = ['planned', 'written', 'labelled', 'segment removed', 'checkpoint removed']

describe.each(STEPS)('killed behind the step "%s"', (step) => {
  test.each([1, 2])('for the %sth time, and started again', async (nth) => {
    const directory = newDirectory()
    expect((await run(directory, { at: [step, nth] })).killed).toBe(true)
    // Twice: the second run meets what the first one left in the middle of its own.
    await run(directory, { at: [step, 1] })
    expect((await run(directory)).stdout).toBe(unbroken)
    await expectWhole(directory)
  })
})

test(`killed at ${KILLS} random moments (seed ${SEED})`, async () => {
  const random = mulberry32(SEED)
  const directory = newDirectory()
  for (let kill = 0; kill < KILLS; kill++) await run(directory, { killAfterMs: random() * unbrokenMs })
  expect((await run(directory)).stdout).toBe(unbroken)
  await expectWhole(directory)
})

describe('segments that are compressed', () => {
  const COMPRESSION_STEPS = ['compression written', 'compression verified', 'compression named', 'compression given up'] as const
  const namesOf = (directory: string, end: string): string[] => readdirSync(directory).filter((name) => name.endsWith(end)).sort()

  /** Everything that was appended is there once, and no file is there that gunzip would make something else of. */
  async function expectAllThere(directory: string): Promise<void> {
    const lsns: number[] = []
    for await (const { lsn } of readLog(directory, { live: false })) lsns.push(lsn)
    expect(lsns).toEqual(Array.from({ length: lsns.length }, (_, index) => index + 1))
    const { damage, lastLsn } = await scanLog(directory)
    expect(damage).toEqual([])
    expect(lsns).toHaveLength(lastLsn)
    for (const name of namesOf(directory, '.wal.gz')) {
      const plain = join(directory, name.slice(0, -'.gz'.length))
      const content = gunzipSync(readFileSync(join(directory, name)))
      if (existsSync(plain)) expect(content.equals(readFileSync(plain)), name).toBe(true)
    }
  }

  test.each(COMPRESSION_STEPS)('killed behind the step "%s", twice, and started again', async (step) => {
    const directory = newDirectory()
    expect((await run(directory, { mode: 'compress', at: [step, 2] })).killed).toBe(true)
    const isMade = step === 'compression written' || step === 'compression verified'
    expect(namesOf(directory, '.gz.tmp')).toHaveLength(isMade ? 1 : 0)
    const newest = namesOf(directory, '.wal.gz').at(-1) as string
    if (step === 'compression named') expect(existsSync(join(directory, newest.slice(0, -'.gz'.length)))).toBe(true)
    await expectAllThere(directory)
    // The second run meets what the first one left in the middle of its own.
    await run(directory, { mode: 'compress', at: [step, 1] })
    await expectAllThere(directory)
    expect((await run(directory, { mode: 'compress' })).stdout).toBe(unbroken)
    await expectAllThere(directory)
    expect(namesOf(directory, '.tmp')).toEqual([])
  })

  test(`killed at ${KILLS} random moments (seed ${SEED})`, async () => {
    const random = mulberry32(SEED + 1)
    const directory = newDirectory()
    for (let kill = 0; kill < KILLS; kill++) await run(directory, { mode: 'compress', killAfterMs: random() * unbrokenMs })
    expect((await run(directory, { mode: 'compress' })).stdout).toBe(unbroken)
    await expectAllThere(directory)
    expect(namesOf(directory, '.wal.gz').length).toBeGreaterThan(0)
  })
})
