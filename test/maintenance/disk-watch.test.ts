// Proves that the disk is warned of before it is full: with room for less than two segments, and with a budget that cannot be
// kept; and that what is free is asked of the log's own disk.
import { statfsSync } from 'node:fs'
import { expect, test } from 'vitest'
import { diskWarnings } from '../../lib/maintenance/disk-watch.js'
import { freeBytesOf } from '../../lib/metrics/disk-figures.js'
import { temporaryDirectories } from '../support/temporary-directory.js'

const newDirectory = temporaryDirectories()
const PLENTY = { freeBytes: 2000, segmentBytes: 1000, budgetBytes: 5000, overBudgetBytes: 0 }

test('nothing is said while two segments fit and the budget is kept', () => {
  expect(diskWarnings(PLENTY)).toEqual([])
})

test('less room than for two segments is said, with the numbers', () => {
  expect(diskWarnings({ ...PLENTY, freeBytes: 1999 })).toEqual(['the disk has 1999 bytes left, less than the 2000 bytes of two segments'])
})

test('a budget that what is needed goes beyond is said, with the numbers', () => {
  expect(diskWarnings({ ...PLENTY, overBudgetBytes: 7 })).toEqual(['the log is 7 bytes over its budget of 5000 bytes, and what it holds is still needed'])
})

test('both are said', () => {
  expect(diskWarnings({ ...PLENTY, freeBytes: 0, overBudgetBytes: 1 })).toHaveLength(2)
})

test('what is free is what the file system says', async () => {
  const directory = newDirectory()
  const { blocks, bsize } = statfsSync(directory)
  const free = await freeBytesOf(directory)
  expect(free).toBeGreaterThan(0)
  expect(free).toBeLessThanOrEqual(blocks * bsize)
})
