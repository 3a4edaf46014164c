/**
 * Proves that `writeCheckpoint` of the native module writes what docs/format.md says a checkpoint is: a reader made from
 * that page alone finds exactly the entries that the plan keeps. Besides, what the call refuses, and that it can be stopped.
 */
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { beforeEach, describe, expect, test } from 'vitest'
import type { NativeCheckpoint, NativeCheckpointPlan } from '../../binding.js'
import { Operation, readLog, Wal } from '../../lib/index.js'
import { native } from '../../lib/native.js'
import { temporaryDirectories } from '../support/temporary-directory.js'
import { openCheckpoint } from './format-checkpoint-reader.js'
import type { DecodedEntry } from './format-records.js'

const FIRST = '0000000000000001.ckpt'

const newDirectory = temporaryDirectories()
let directory: string

/** A closed log of 200 entries in one segment: of five users, one of them without a number; every third without payload. */
beforeEach(async () => {
  directory = newDirectory()
  const wal = await Wal.open({ directory })
  for (let lsn = 1; lsn <= 200; lsn++) {
    const userId = lsn % 5 === 0 ? 'x'.repeat(300) : `user-${lsn % 5}`
    wal.append(Operation.ADD_MEASUREMENT, userId, lsn % 3 === 0 ? null : Buffer.from(`payload ${lsn}`), lsn)
  }
  await wal.close()
})

function write(plan: Partial<NativeCheckpointPlan> = {}): Promise<NativeCheckpoint> {
  const nothing = new Float64Array()
  return native().writeCheckpoint({ directory, throughSegment: 1, users: [], keepFromLsn: nothing, alsoLsns: nothing, ...plan })
}

/** A checkpoint as the reader made from the page reads it. */
function read(file: string): ReturnType<typeof openCheckpoint> {
  const logId = readFileSync(join(directory, 'log.id')).toString('hex', 16, 32)
  return openCheckpoint(file, readFileSync(join(directory, file)), logId)
}

async function logged(): Promise<DecodedEntry[]> {
  const entries: DecodedEntry[] = []
  for await (const { segment: _, payload, ...rest } of readLog(directory)) {
    entries.push({ ...rest, payload: Buffer.from(payload).toString() })
  }
  return entries
}

/** But for where they stand. */
function contentOf(entries: DecodedEntry[]): DecodedEntry[] {
  return entries.map((entry) => ({ ...entry, offset: 0 }))
}

describe('a checkpoint', () => {
  test('has every entry, where the plan drops none', async () => {
    const expected = await logged()
    const written = await write()
    const { segment, isWhole } = read(FIRST)
    expect(isWhole).toBe(true)
    expect(contentOf(segment.entries.map(({ entry }) => entry))).toEqual(contentOf(expected))
    expect(segment.header).toMatchObject({ number: 1, firstLsn: 1, previousLsn: 0, coveredSegment: 1, coveredLsn: 200, entries: 200 })
    expect(segment.header?.plannedBytes).toBe(segment.bytes.length)
    expect(written).toEqual({
      number: 1,
      file: FIRST,
      state: 'base',
      fileBytes: segment.bytes.length,
      coveredSegment: 1,
      coveredLsn: 200,
      entries: 200,
      firstLsn: 1,
      lastLsn: 200,
      created: expect.closeTo(Date.now(), -5) as number
    })
  })

  test('has of users in the plan what the plan says, and everything of others', async () => {
    const expected = (await logged()).filter(({ lsn, userId }) => {
      if (userId === 'user-1') return lsn >= 101
      if (userId.startsWith('x')) return lsn === 10 || lsn === 195
      return userId !== 'user-2'
    })
    const users = ['user-1', 'x'.repeat(300), 'user-2', 'nobody']
    await write({ users, keepFromLsn: Float64Array.of(101, Infinity, 2 ** 53, 0), alsoLsns: Float64Array.of(10, 195, 9000) })
    const { segment, isWhole } = read(FIRST)
    expect(isWhole).toBe(true)
    expect(contentOf(segment.entries.map(({ entry }) => entry))).toEqual(contentOf(expected))
  })

  test('is whole, in both readers’ eyes, without an entry', async () => {
    const users = [1, 2, 3, 4].map((user) => `user-${user}`).concat('x'.repeat(300))
    expect(await write({ users, keepFromLsn: new Float64Array(5).fill(Infinity) })).toMatchObject({ entries: 0, firstLsn: 0, lastLsn: 0 })
    expect(read(FIRST)).toMatchObject({ isWhole: true, segment: { header: { firstLsn: 201, coveredLsn: 200, entries: 0 } } })
  })
})

describe('writeCheckpoint', () => {
  test('stops when it is told to, and leaves nothing', async () => {
    const before = readdirSync(directory)
    const abort = new Int32Array(new SharedArrayBuffer(4)).fill(1)
    await expect(write({ abort })).rejects.toMatchObject({ code: 'ERR_WAL_CLOSED' })
    expect(readdirSync(directory)).toEqual(before)
    await expect(write({ abort: abort.fill(0) })).resolves.toMatchObject({ number: 1 })
  })

  test.each([
    ['a directory that is none', { directory: '' }],
    ['a segment that there is not', { throughSegment: 2 }],
    ['no segment', { throughSegment: 0 }],
    ['a segment that is no number', { throughSegment: 1.5 }],
    ['users that are no strings', { users: [1], keepFromLsn: Float64Array.of(1) }],
    ['as many LSNs as users are not', { users: ['a', 'b'], keepFromLsn: Float64Array.of(1) }],
    ['LSNs that are none', { users: ['a'], keepFromLsn: Float64Array.of(NaN) }],
    ['LSNs that are negative', { alsoLsns: Float64Array.of(-1) }],
    ['LSNs that do not ascend', { alsoLsns: Float64Array.of(2, 1) }],
    ['LSNs of another kind', { alsoLsns: [1, 2] }],
    ['a word that is none', { abort: new Int32Array() }]
  ])('refuses %s', async (_, plan) => {
    const before = readdirSync(directory)
    await expect((async () => write(plan as Partial<NativeCheckpointPlan>))()).rejects.toMatchObject({ code: 'ERR_WAL_INVALID_ARGUMENT' })
    expect(readdirSync(directory)).toEqual(before)
  })
})
