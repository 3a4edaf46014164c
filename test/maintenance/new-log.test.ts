/**
 * Proves that a log that is made of another one has its name only when it is whole, takes the place of nothing, and that what a
 * run left that was killed goes, with its staging ring.
 */
import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { scanLog, Wal } from '../../lib/index.js'
import { makeLog, openOnce } from '../../lib/maintenance/new-log.js'
import { closedLog } from '../support/logs.js'
import { temporaryDirectories } from '../support/temporary-directory.js'

const newDirectory = temporaryDirectories()
const LEAVE_RING = join(import.meta.dirname, '../repair/children/leave-ring.mjs')

async function fill(directory: string): Promise<void> {
  await closedLog(directory, (recorder) => recorder.measurements(3))
}

test('it has its name when it is filled, and not before', async () => {
  const target = join(newDirectory(), 'new', 'log')
  const result = await makeLog(`${target}/`, 'making', async (directory) => {
    expect(directory).toBe(`${target}.making`)
    expect(existsSync(target)).toBe(false)
    await fill(directory)
    return 7
  })
  expect(result).toBe(7)
  expect((await scanLog(target)).entries).toBe(3)
  expect(existsSync(`${target}.making`)).toBe(false)
})

test.each(['a directory that is not empty', 'a file'])('%s stays what it is', async (what) => {
  const target = join(newDirectory(), 'log')
  if (what === 'a file') writeFileSync(target, 'mine')
  else {
    mkdirSync(target)
    writeFileSync(join(target, 'mine'), '')
  }
  let isFilled = false
  const made = makeLog(target, 'making', () => Promise.resolve(void (isFilled = true)))
  await expect(made).rejects.toMatchObject({ code: 'ERR_WAL_INVALID_ARGUMENT', message: expect.stringContaining('is there already') as unknown })
  expect(isFilled).toBe(false)
})

test('an error leaves nothing', async () => {
  const parent = newDirectory()
  const made = makeLog(join(parent, 'log'), 'making', async (directory) => {
    await fill(directory)
    throw new Error('no more')
  })
  await expect(made).rejects.toThrow('no more')
  expect(readdirSync(parent)).toEqual([])
})

test('what a killed run left goes, with its staging ring', async () => {
  const target = join(newDirectory(), 'log')
  const left = `${target}.making`
  await fill(left)
  const { logId } = await scanLog(left)
  const rings = (): string[] => (existsSync('/dev/shm') ? readdirSync('/dev/shm').filter((name) => name.startsWith(`ingest-wal-${logId.slice(0, 16)}`)) : [])
  expect(spawnSync(process.execPath, [LEAVE_RING, left]).signal).toBe('SIGKILL')
  if (existsSync('/dev/shm')) expect(rings()).toHaveLength(1)
  await makeLog(target, 'making', fill)
  expect(rings()).toEqual([])
})

test('what another run is making right now is left alone', async () => {
  const target = join(newDirectory(), 'log')
  const wal = await Wal.open({ directory: `${target}.making` })
  await expect(makeLog(target, 'making', fill)).rejects.toMatchObject({ code: 'ERR_WAL_LOCKED' })
  expect(readdirSync(`${target}.making`)).toContain('log.id')
  await wal.close()
})

test('a directory without a log is not opened', async () => {
  await expect(openOnce(join(newDirectory(), 'none'))).rejects.toMatchObject({ code: 'ERR_WAL_NOT_FOUND' })
})
