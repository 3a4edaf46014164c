/**
 * `ingest-wal compact` killed with SIGKILL behind each of its steps, and run again: the log is as it would be had it never been killed, and
 * nothing half made is left.
 */
import { cpSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { beforeAll, expect, test } from 'vitest'
import { Operation, readLog, scanLog } from '../../lib/index.js'
import { runCli } from '../support/command-line.js'
import { closedLog } from '../support/logs.js'
import { temporaryDirectories } from '../support/temporary-directory.js'

const KILL_AT_STEP = join(import.meta.dirname, '../../scripts/lib/kill-at-step.mjs')
const newDirectory = temporaryDirectories()

let original: string
beforeAll(async () => {
  original = newDirectory()
  const fill = { segmentBytes: 65_536 }
  await closedLog(
    original,
    async (recorder) => {
      await recorder.measurements(2500, 500)
      for (let user = 0; user < 5; user++) recorder.append(Operation.COMMIT, `user-${user}`, 'state')
      await recorder.measurements(500, 100)
    },
    fill
  )
})

async function contentOf(directory: string): Promise<string[]> {
  const content: string[] = []
  for await (const { lsn, timestamp, userId, payload } of readLog(directory)) content.push(`${lsn} ${timestamp} ${userId} ${Buffer.from(payload).toString()}`)
  return content
}

test('killed behind each step, and run again', async () => {
  const whole = newDirectory()
  cpSync(original, whole, { recursive: true })
  expect((await runCli(['compact', whole, '--drop'])).code).toBe(0)
  const expected = await contentOf(whole)
  expect(expected.length).toBe(505)
  let kills = 0
  for (let step = 1; ; step++) {
    const directory = newDirectory()
    cpSync(original, directory, { recursive: true })
    const environment = { NODE_OPTIONS: `--import=${KILL_AT_STEP}`, INGEST_WAL_KILL_STEP: String(step) }
    const { code, signal } = await runCli(['compact', directory, '--drop'], environment)
    if (code === 0) break
    expect(signal).toBe('SIGKILL')
    kills++
    // Whatever went is nothing that recovery needs.
    expect((await contentOf(directory)).slice(-expected.length)).toEqual(expected)
    expect((await runCli(['compact', directory, '--drop'])).code).toBe(0)
    expect(await contentOf(directory)).toEqual(expected)
    expect((await scanLog(directory)).damage).toEqual([])
    expect(readdirSync(directory).filter((name) => name.endsWith('.tmp') || name.endsWith('.wal'))).toEqual([])
  }
  // Two plans, two checkpoints, and each segment.
  expect(kills).toBeGreaterThan(5)
})
