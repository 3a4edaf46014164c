/**
 * Proves that what is no file, in the place of any file of a log, is never followed, waited for or read to its end: it is told, costs
 * what the file in its place held and nothing else, and what a link leads to stays as it is. Devices need root; without it they are
 * left out. That nothing hangs is shown by the tests ending at all.
 */
import { cpSync, existsSync, lstatSync, mkdirSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { beforeAll, describe, expect, test } from 'vitest'
import { Operation, readLog, scanLog, Wal, type WalOptions } from '../../lib/index.js'
import { checkpointName, segmentName } from '../../lib/maintenance/files.js'
import { runCli } from '../support/command-line.js'
import { flipBit } from '../support/damage.js'
import { closedLog, fingerprint } from '../support/logs.js'
import { temporaryDirectories } from '../support/temporary-directory.js'
import { POSSIBLE_THINGS, type Thing } from './support.js'

const OF_EACH = 20
const SEGMENTS = 3
const temporaryDirectory = temporaryDirectories()
/** Three segments of twenty entries of open buffers, and a checkpoint of them all. */
let original: string

beforeAll(async () => {
  original = join(temporaryDirectory(), 'log')
  for (let life = 0; life < SEGMENTS; life++) await closedLog(original, (recorder) => recorder.measurements(OF_EACH))
  const checkpointed = join(temporaryDirectory(), 'log')
  cpSync(original, checkpointed, { recursive: true })
  const wal = await Wal.open({ directory: checkpointed, maintenance: false })
  await wal.checkpoint()
  await wal.close()
  cpSync(join(checkpointed, checkpointName(1)), join(original, checkpointName(1)))
})

interface Scene {
  directory: string
  /** What is outside of the log and must stay as it is. */
  elsewhere: string
}

/** A copy of the log with `thing` in the place of the file `name`, whether or not there was one. */
function sceneOf(thing: Thing, name: string): Scene {
  const folder = temporaryDirectory()
  const directory = join(folder, 'log')
  const elsewhere = join(folder, 'elsewhere')
  mkdirSync(elsewhere)
  cpSync(original, directory, { recursive: true })
  const path = join(directory, name)
  const sound = existsSync(path) ? readFileSync(path) : Buffer.from('what was there')
  rmSync(path, { force: true, recursive: true })
  thing.put(path, elsewhere, sound)
  return { directory, elsewhere }
}

function open(directory: string, options: Partial<WalOptions> = {}): Promise<Wal> {
  return Wal.open({ directory, maintenance: false, ...options })
}

function range(first: number, last: number): number[] {
  return Array.from({ length: last - first + 1 }, (_, index) => first + index)
}

async function lsnsOf(directory: string): Promise<number[]> {
  const lsns: number[] = []
  for await (const { lsn } of readLog(directory)) lsns.push(lsn)
  return lsns
}

/** What opening the log, and closing it, says; nothing when it went well. */
async function openAndClose(directory: string): Promise<string | undefined> {
  try {
    await (await open(directory)).close()
    return undefined
  } catch (error) {
    return String(error)
  }
}

async function offsetOf(directory: string, wanted: number): Promise<number> {
  for await (const { lsn, offset } of readLog(directory)) if (lsn === wanted) return offset
  throw new Error(`entry ${wanted} is not there`)
}

/** Opens the log, appends, closes: what was appended is there, under the number that follows all that the log can know of. */
async function expectToGoOn(directory: string, known = SEGMENTS * OF_EACH): Promise<void> {
  const wal = await open(directory)
  const lsn = wal.append(Operation.ADD_MEASUREMENT, 'later', null)
  expect(lsn).toBe(known + 1)
  await wal.durable()
  await wal.close()
  expect((await lsnsOf(directory)).at(-1)).toBe(lsn)
}

describe.each(POSSIBLE_THINGS)('$name in the place of', (thing) => {
  test.each([1, 2, 3])('segment %d: damage of that one', async (segment) => {
    const { directory, elsewhere } = sceneOf(thing, segmentName(segment))
    rmSync(join(directory, checkpointName(1)))
    const before = fingerprint(elsewhere)
    const { damage } = await scanLog(directory)
    expect(damage).toMatchObject([{ kind: 'not_a_file', file: segmentName(segment) }])
    expect(damage[0]?.detail).toMatch(/is not a regular file|is a symbolic link, which is not followed/)
    const lost = range((segment - 1) * OF_EACH + 1, segment * OF_EACH)
    const whole = range(1, SEGMENTS * OF_EACH)
    const left = whole.filter((lsn) => !lost.includes(lsn))
    expect(await lsnsOf(directory)).toEqual(left)
    // What the last segment held is known to nobody, without a checkpoint.
    await expectToGoOn(directory, left.at(-1))
    expect(fingerprint(elsewhere)).toEqual(before)
  })

  test('a compressed segment: damage of that one', async () => {
    const { directory, elsewhere } = sceneOf(thing, `${segmentName(2)}.gz`)
    rmSync(join(directory, segmentName(2)))
    const before = fingerprint(elsewhere)
    expect((await scanLog(directory)).damage).toMatchObject([{ kind: 'not_a_file', file: `${segmentName(2)}.gz` }])
    await expectToGoOn(directory)
    expect(fingerprint(elsewhere)).toEqual(before)
  })

  test('a checkpoint: damage of that one, and no entry is lost', async () => {
    const { directory, elsewhere } = sceneOf(thing, checkpointName(1))
    const before = fingerprint(elsewhere)
    expect((await scanLog(directory)).damage).toMatchObject([{ kind: 'checkpoint', file: checkpointName(1) }])
    expect(await lsnsOf(directory)).toEqual(range(1, SEGMENTS * OF_EACH))
    await expectToGoOn(directory)
    expect(fingerprint(elsewhere)).toEqual(before)
  })

  test('log.id: told, and no entry is lost', async () => {
    const { directory, elsewhere } = sceneOf(thing, 'log.id')
    const before = fingerprint(elsewhere)
    expect((await scanLog(directory)).damage).toMatchObject([{ kind: 'identity' }])
    expect(await lsnsOf(directory)).toEqual(range(1, SEGMENTS * OF_EACH))
    const opened = await openAndClose(directory)
    // A directory cannot be replaced by a file: whoever put it there is told.
    if (thing.isDirectory === true) expect(opened).toContain('log.id')
    else await expectToGoOn(directory)
    expect(fingerprint(elsewhere)).toEqual(before)
  })

  test('the lock: refused by its name, and nothing is changed; tools look at the log all the same', async () => {
    const { directory, elsewhere } = sceneOf(thing, 'LOCK')
    const before = fingerprint(elsewhere)
    const names = readdirSync(directory)
    await expect(open(directory)).rejects.toMatchObject({ code: 'ERR_WAL_INVALID_ARGUMENT', message: expect.stringContaining('LOCK') as string })
    expect((await scanLog(directory)).damage).toEqual([])
    expect(await lsnsOf(directory)).toEqual(range(1, SEGMENTS * OF_EACH))
    expect(readdirSync(directory)).toEqual(names)
    expect(fingerprint(elsewhere)).toEqual(before)
  })

  test.each(['spare.tmp', `${segmentName(4)}.tmp`, 'log.id.tmp'])('a temporary file, %s: removed, or told by its name', async (name) => {
    const { directory, elsewhere } = sceneOf(thing, name)
    const before = fingerprint(elsewhere)
    if (thing.isDirectory === true) {
      const opened = await openAndClose(directory)
      if (opened !== undefined) expect(opened).toContain(name)
      expect(lstatSync(join(directory, name)).isDirectory()).toBe(true)
    } else {
      await expectToGoOn(directory)
      expect(existsSync(join(directory, name))).toBe(false)
    }
    expect(fingerprint(elsewhere)).toEqual(before)
  })

  test('the quarantine: nothing is put there, and a log that needs it says so', async () => {
    const { directory, elsewhere } = sceneOf(thing, 'quarantine')
    rmSync(join(directory, checkpointName(1)))
    const before = fingerprint(elsewhere)
    await expectToGoOn(directory)
    flipBit(join(directory, segmentName(2)), (await offsetOf(directory, OF_EACH + 5)) + 40)
    const opened = await openAndClose(directory)
    if (thing.isDirectory === true) expect(opened).toBeUndefined()
    else expect(opened).toContain('quarantine')
    expect(fingerprint(elsewhere)).toEqual(before)
  })

  test('the archive: nothing is put there, and who wants a checkpoint kept is told', async () => {
    const { directory, elsewhere } = sceneOf(thing, 'archive')
    const before = fingerprint(elsewhere)
    const wal = await open(directory)
    const failed = await wal.checkpoint({ label: 'kept' }).then(() => undefined, (error: unknown) => error)
    await wal.close()
    if (thing.isDirectory === true) expect(failed).toBeUndefined()
    else expect(String(failed)).toContain('archive')
    expect((await scanLog(directory)).damage).toEqual([])
    expect(fingerprint(elsewhere)).toEqual(before)
  })
})

test.each(POSSIBLE_THINGS.filter(({ name }) => /FIFO|never ends|character/.test(name)))('$name given to the command line: an error, and an end', async (thing) => {
  const { directory } = sceneOf(thing, segmentName(2))
  const { code, stdout, stderr } = await runCli(['verify', join(directory, segmentName(2))])
  expect([1, 2, 3]).toContain(code)
  expect(stdout + stderr).toMatch(/is not a regular file|is a symbolic link/)
})
