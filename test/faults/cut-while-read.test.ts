/**
 * Proves that a segment which another program cuts while it is read kills nobody: what is gone is gone, and the process looks on. A
 * page of a mapped file that is touched when it is gone is a SIGBUS, which no look before can rule out.
 */
import { spawn } from 'node:child_process'
import { copyFileSync, renameSync, truncateSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { Operation } from '../../lib/index.js'
import { closedLog } from '../support/logs.js'
import { temporaryDirectories } from '../support/temporary-directory.js'

const newDirectory = temporaryDirectories()
const SEGMENT = '0000000000000001.wal'
const ENTRIES = 8000
const CUTS = 20

test('cut again and again while it is scanned and read', { timeout: 60_000 }, async () => {
  const directory = newDirectory()
  const payload = Buffer.alloc(4000, 7)
  await closedLog(directory, async (_, wal) => {
    for (let i = 0; i < ENTRIES; i++) {
      while (!wal.hasRoom(1, 4100)) await wal.drained()
      wal.append(Operation.ADD_MEASUREMENT, 'user', payload)
    }
  })
  const whole = join(newDirectory(), SEGMENT)
  copyFileSync(join(directory, SEGMENT), whole)
  const child = spawn(process.execPath, [join(import.meta.dirname, 'children/scan-until-told.mjs'), directory], { stdio: ['pipe', 'pipe', 'inherit'] })
  const ended = new Promise<[number | null, NodeJS.Signals | null]>((resolve) => child.on('close', (code, signal) => resolve([code, signal])))
  let lines: string[] = []
  let text = ''
  const isOver = (): boolean => child.exitCode !== null || child.signalCode !== null
  const line = async (): Promise<void> => {
    const count = lines.length
    while (lines.length === count && !isOver()) await new Promise((resolve) => setTimeout(resolve, 1))
  }
  child.stdout.setEncoding('utf8').on('data', (piece: string) => {
    text += piece
    lines = text.split('\n').slice(0, -1)
  })
  await line()
  expect(JSON.parse(lines[0] as string)).toEqual({ entries: ENTRIES, read: ENTRIES })
  for (let cut = 0; cut < CUTS; cut++) {
    // Another place in the look each time, wherever the process is by then.
    await new Promise((resolve) => setTimeout(resolve, cut % 7))
    truncateSync(join(directory, SEGMENT), 16_384 * (1 + (cut % 5)))
    await line()
    copyFileSync(whole, join(directory, 'whole.tmp'))
    renameSync(join(directory, 'whole.tmp'), join(directory, SEGMENT))
    await line()
  }
  await line()
  child.stdin.end()
  expect(await ended).toEqual([0, null])
  expect(JSON.parse(lines.at(-1) as string)).toEqual({ entries: ENTRIES, read: ENTRIES })
})
