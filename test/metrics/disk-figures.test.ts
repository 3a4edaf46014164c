// Proves that what is told of a log's disk is what is there: segments by name, bytes of all files, the free space of the file
// system; that those who ask together ask once; and that a directory that cannot be looked at is told, with the last figures.
import { mkdirSync, rmSync, statfsSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { DiskWatcher } from '../../lib/metrics/disk-figures.js'
import { temporaryDirectories } from '../support/temporary-directory.js'

const newDirectory = temporaryDirectories()
const NOTHING_SEEN = { segments: 0, sizeBytes: 0 }

test('begins with what recovery saw and the free space', async () => {
  const directory = newDirectory()
  const { bavail, bsize } = statfsSync(directory)
  const { figures } = await DiskWatcher.of(directory, { segments: 3, sizeBytes: 300 })
  expect(figures).toMatchObject({ segments: 3, sizeBytes: 300, problem: undefined })
  // Others use the same disk.
  expect(Math.abs(figures.freeBytes - bavail * bsize)).toBeLessThan(1e9)
})

test('counts segments, compressed ones too, and the bytes of every file, those in folders included', async () => {
  const directory = newDirectory()
  const watcher = await DiskWatcher.of(directory, NOTHING_SEEN)
  const sizes = { '0000000000000001.wal.gz': 10, '0000000000000002.wal': 100, '0000000000000001.ckpt': 1000, 'log.id': 10_000, '1.wal': 100_000 }
  for (const [name, bytes] of Object.entries(sizes)) writeFileSync(join(directory, name), Buffer.alloc(bytes))
  mkdirSync(join(directory, 'quarantine'))
  writeFileSync(join(directory, 'quarantine/0000000000000003.wal'), Buffer.alloc(1_000_000))
  expect(await watcher.ask()).toMatchObject({ segments: 2, sizeBytes: 1_111_110, problem: undefined })
  expect(watcher.figures).toMatchObject({ segments: 2, sizeBytes: 1_111_110 })
})

test('who asks while the disk is being asked gets the same answer', async () => {
  const watcher = await DiskWatcher.of(newDirectory(), NOTHING_SEEN)
  const [one, other] = await Promise.all([watcher.ask(), watcher.ask()])
  expect(other).toBe(one)
  expect(await watcher.ask()).not.toBe(one)
})

test('a directory that is gone: the last figures, and why there are no newer ones', async () => {
  const directory = newDirectory()
  writeFileSync(join(directory, '0000000000000001.wal'), 'x')
  const watcher = await DiskWatcher.of(directory, NOTHING_SEEN)
  const { freeBytes } = await watcher.ask()
  rmSync(directory, { recursive: true })
  expect(await watcher.ask()).toEqual({ segments: 1, sizeBytes: 1, freeBytes, problem: expect.stringContaining('ENOENT') as string })
})
