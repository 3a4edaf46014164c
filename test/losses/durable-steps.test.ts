// Proves that both files are durable before they have their names, and the names before anything else goes on: each step in its order,
// as the file system sees it; and that a file that cannot be read has another name before one takes its own.
import { existsSync, writeFileSync } from 'node:fs'
import type * as files from 'node:fs/promises'
import { basename, join } from 'node:path'
import { beforeEach, expect, test, vi } from 'vitest'
import { temporaryDirectories } from '../support/temporary-directory.js'
import { damageOf } from './support.js'

const { steps } = vi.hoisted(() => ({ steps: [] as string[] }))

const nameOf = (path: unknown): string => basename(String(path)).replace(/\.[0-9a-f]{12}\./, '.RANDOM.')

vi.mock('node:fs/promises', async (original) => {
  const real = await original<typeof files>()
  return {
    ...real,
    open: async (path: string, ...rest: [flags?: string | number, mode?: number]) => {
      const handle = await real.open(path, ...rest)
      const sync = handle.sync.bind(handle)
      handle.sync = async () => {
        await sync()
        steps.push(`sync ${nameOf(path)}`)
      }
      return handle
    },
    rename: async (from: string, to: string) => {
      await real.rename(from, to)
      steps.push(`rename ${nameOf(from)} ${nameOf(to)}`)
    },
    link: async (from: string, to: string) => {
      await real.link(from, to)
      steps.push(`link ${nameOf(from)} ${nameOf(to)}`)
    },
    rm: async (path: string, options?: object) => {
      const isThere = existsSync(path)
      await real.rm(path, options)
      if (isThere) steps.push(`rm ${nameOf(path)}`)
    }
  }
})

const { LossLedger } = await import('../../lib/losses/ledger.js')
const { acknowledgeLosses } = await import('../../lib/losses/acknowledge.js')

const newDirectory = temporaryDirectories()
let directory = ''
let log = ''
beforeEach(() => {
  directory = newDirectory()
  log = basename(directory)
  steps.length = 0
})

test('losses: temporary file, sync, rename, directory, and only then open has them', async () => {
  const ledger = await LossLedger.open(directory, [damageOf()])
  expect(steps).toEqual(['sync losses.json.RANDOM.tmp', 'rename losses.json.RANDOM.tmp losses.json', `sync ${log}`])
  await ledger.close()
})

test('acknowledged: durable before the loss is taken out of the other file', async () => {
  const ledger = await LossLedger.open(directory, [damageOf()])
  steps.length = 0
  await ledger.acknowledge()
  expect(steps).toEqual([
    'sync acknowledged.json.RANDOM.tmp',
    'rename acknowledged.json.RANDOM.tmp acknowledged.json',
    `sync ${log}`,
    'rm losses.json',
    `sync ${log}`
  ])
  await ledger.close()
})

test('from outside: the same', async () => {
  await acknowledgeLosses(directory, [], [damageOf()])
  expect(steps).toEqual(['sync acknowledged.json.RANDOM.tmp', 'rename acknowledged.json.RANDOM.tmp acknowledged.json', `sync ${log}`])
})

test('a file that cannot be read is in quarantine, durably, before another takes its name', async () => {
  writeFileSync(join(directory, 'losses.json'), 'noise')
  const ledger = await LossLedger.open(directory, [])
  // The directories above are there already; that they are synced too when one is made is not what this is about.
  const above = [1, 2, 3, 4, 5].map((levels) => `sync ${basename(join(directory, ...Array<string>(levels).fill('..')))}`)
  expect(steps.filter((step) => !above.includes(step))).toEqual([
    `sync ${log}`,
    'link losses.json losses.json',
    'sync quarantine',
    'rm losses.json',
    `sync ${log}`,
    'sync losses.json.RANDOM.tmp',
    'rename losses.json.RANDOM.tmp losses.json',
    `sync ${log}`
  ])
  await ledger.close()
})
