/**
 * Maintenance cut at any step and run again: a service that dies by SIGKILL behind each step of it, and at random moments, ends
 * with the states of a run that never died; nothing half made is left over, no entry is lost, and the log stays small.
 *
 * INGEST_WAL_MAINTENANCE_KILLS sets the number of random kills (default 8), INGEST_WAL_SEED the seed.
 */
import { spawn } from 'node:child_process'
import { existsSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { beforeAll, describe, expect, test } from 'vitest'
import { scanLog } from '../../lib/index.js'
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

function run(directory: string, options: { at?: readonly [MaintenanceStep, number]; killAfterMs?: number } = {}): Promise<Ended> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [CHILD, directory, String(ROWS), ...(options.at ?? []).map(String)], { stdio: ['ignore', 'pipe', 'pipe'] })
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
