// Proves that threads and processes do not get in each other's way: worker threads with a log each, that append, wait, read,
// checkpoint, compact and close at the same time; a main thread that does the same, or that never loads the addon; and all of
// them, and a second process, in turn at one directory, in which nothing is lost and one writer is at work at a time.
// It is the load for `npm run test:sanitized -- --sanitize thread`.
import { expect, test } from 'vitest'
import { readLog, scanLog } from '../../lib/index.js'
import { startChild, temporaryDirectory, type Ended } from './support.js'

/** What children/all-at-once.mjs appends to the shared log, for each thread. */
const ENTRIES_A_THREAD = 100
const FINE = { code: 0, signal: null, stderr: '' }

function run(directory: string, threads: number, main: 'main too' | 'workers alone'): Promise<Ended> {
  return startChild('all-at-once.mjs', [directory, String(threads), main]).ended
}

async function expectShared(directory: string, threads: number): Promise<void> {
  let last = 0
  for await (const { lsn } of readLog(`${directory}/shared`)) expect(lsn).toBe(++last)
  expect(last).toBe(threads * ENTRIES_A_THREAD)
  expect((await scanLog(`${directory}/shared`)).damage).toEqual([])
}

test('two workers, and a main thread that never loads the addon', async () => {
  const directory = temporaryDirectory()
  expect(await run(directory, 2, 'workers alone')).toMatchObject(FINE)
  await expectShared(directory, 2)
})

test('two processes, each with a worker and its main thread', async () => {
  const directory = temporaryDirectory()
  const ended = await Promise.all([run(directory, 1, 'main too'), run(directory, 1, 'main too')])
  for (const each of ended) expect(each).toMatchObject(FINE)
  await expectShared(directory, 4)
})
