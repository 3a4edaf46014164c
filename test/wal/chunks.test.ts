// The specification of reading in chunks: a chunk says of each entry what entries() says, by number; filters, damage, aborts and
// early ends are those of entries(); what a chunk gave stays as it is; and users keep their numbers until they begin anew.
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { beforeEach, describe, expect, test } from 'vitest'
import { MeasurementPayload, Operation, readLogChunks, type Damage, type Entry, type EntryChunk, type Wal } from '../../lib/index.js'
import { native } from '../../lib/native.js'
import { NativeEntryChunk, ReaderUsers } from '../../lib/wal/entry-chunk.js'
import { code, entriesOf, QUIET, range, useTestLog } from './support.js'

const log = useTestLog()

/** Appends `count` entries by users 0, 1 and 2, with payloads of every length from 0 to `bytes`. */
async function fill(wal: Wal, count: number, bytes: number): Promise<void> {
  for (let i = 0; i < count; i++) {
    while (!wal.hasRoom(1, bytes + 10)) await wal.drained()
    const operation = i % 2 === 0 ? Operation.ADD_MEASUREMENT : Operation.COMMIT
    wal.append(operation, `us\u00e9r-${i % 3}`, Buffer.alloc(i % (bytes + 1), i & 0xff), i + 7)
  }
}

/** `gc` of an engine that was not started with --expose-gc. */
function garbageCollector(): () => void {
  setFlagsFromString('--expose-gc')
  return runInNewContext('gc') as () => void
}

async function allOf(chunks: AsyncIterable<EntryChunk>): Promise<EntryChunk[]> {
  const all: EntryChunk[] = []
  for await (const chunk of chunks) all.push(chunk)
  return all
}

/** Each entry as the accessors say it. */
function readOut(chunk: EntryChunk): Entry[] {
  return Array.from({ length: chunk.length }, (_, index) => ({
    lsn: chunk.lsn(index),
    timestamp: chunk.timestamp(index),
    operation: chunk.operation(index),
    userId: chunk.userId(index),
    payload: chunk.payload(index),
    sequence: chunk.sequence(index),
    segment: chunk.segment(index),
    offset: chunk.offset(index)
  }))
}

function lsnsOf(chunks: readonly EntryChunk[]): number[] {
  return chunks.flatMap((chunk) => readOut(chunk).map((entry) => entry.lsn))
}

test('the columns are those of the native module, in its order', () => {
  const columns = ['lsn', 'timestamp', 'operation', 'sequence', 'segment', 'offset', 'user', 'payloadAt', 'payloadBytes']
  expect(native().entryColumns).toEqual(columns)
  const numbers = { columns: Float64Array.of(1, 2, 3, 4, 5, 6, 0, 8, 9), bytes: new Uint8Array(24), users: ['u'], firstUser: 0, damage: [] }
  const chunk = new NativeEntryChunk(numbers, new ReaderUsers().with(numbers), { userId: undefined, operations: undefined })
  expect(readOut(chunk)).toEqual([
    { lsn: 1, timestamp: 2, operation: 3, sequence: 4, segment: 5, offset: 6, userId: 'u', payload: new Uint8Array(9) }
  ])
})

describe('what a chunk says', () => {
  test('of each entry is what entries() yields, by accessors and as an object, over segments and the ring', async () => {
    const wal = await log.open({ segmentBytes: 1 << 16, ...QUIET })
    await fill(wal, 3000, 60)
    await wal.durable()
    await fill(wal, 100, 60)
    const entries = await entriesOf(wal)
    const chunks = await allOf(wal.chunks())
    expect(entries.map((entry) => entry.lsn)).toEqual(range(1, 3100))
    expect(new Set(entries.map((entry) => entry.segment)).size).toBeGreaterThan(3)
    expect(chunks.flatMap(readOut)).toEqual(entries)
    expect(chunks.flatMap((chunk) => Array.from({ length: chunk.length }, (_, index) => chunk.entry(index)))).toEqual(entries)
    for (const chunk of chunks) {
      for (let i = 0; i < chunk.length; i++) {
        expect(chunk.users[chunk.user(i)]).toBe(chunk.userId(i))
        expect(chunk.payloadBytes(i)).toBe(chunk.payload(i).length)
      }
    }
  })

  test('stays as it is while the log is read on', async () => {
    const wal = await log.open()
    await fill(wal, 40_000, 10)
    const chunks: EntryChunk[] = []
    const said: Entry[][] = []
    for await (const chunk of wal.chunks()) {
      chunks.push(chunk)
      said.push(readOut(chunk).map((entry) => ({ ...entry, payload: entry.payload.slice() })))
    }
    expect(chunks.length).toBeGreaterThan(2)
    expect(chunks.map(readOut)).toEqual(said)
  })

  test('stays as it is, of what is kept of it, while memory of what was let go of is filled again', async () => {
    const collect = garbageCollector()
    const wal = await log.open()
    await fill(wal, 80_000, 10)
    const kept: [payload: Uint8Array, copy: Uint8Array][] = []
    const lsns: number[] = []
    let chunks = 0
    for await (const chunk of wal.chunks()) {
      lsns.push(...lsnsOf([chunk]))
      if (chunks++ % 3 === 0) kept.push([chunk.payload(chunk.length - 1), chunk.payload(chunk.length - 1).slice()])
      collect()
    }
    expect(lsns).toEqual(range(1, 80_000))
    expect(kept.length).toBeGreaterThan(2)
    for (const [payload, copy] of kept) expect(payload).toEqual(copy)
  })

  test('of the numbers in a payload is where they were put, whatever lies before them', async () => {
    const wal = await log.open()
    const payload = Buffer.alloc(21)
    payload.writeUInt8(200, 0)
    payload.writeUInt32LE(0xfedcba98, 1)
    payload.writeDoubleLE(-0.1, 5)
    payload.writeDoubleLE(1e300, 13)
    for (let i = 0; i < 8; i++) {
      wal.append(Operation.COMMIT, 'u', Buffer.alloc(i))
      wal.append(Operation.COMMIT, 'u', payload)
    }
    const [chunk] = (await allOf(wal.chunks())) as [EntryChunk]
    for (let i = 1; i < 16; i += 2) {
      expect([chunk.payloadUint8(i, 0), chunk.payloadUint32(i, 1), chunk.payloadFloat64(i, 5), chunk.payloadFloat64(i, 13)]).toEqual([200, 0xfedcba98, -0.1, 1e300])
      expect(chunk.payload(i).byteOffset % 8).toBe(0)
    }
  })

  test('of measurements are their numbers; of nothing else that they are measurements', async () => {
    const wal = await log.open()
    const payload = Buffer.alloc(MeasurementPayload.BYTES)
    payload[0] = MeasurementPayload.VERSION
    payload.writeDoubleLE(1234.5, MeasurementPayload.TIMESTAMP_AT)
    payload.writeDoubleLE(-7.25, MeasurementPayload.VALUE_AT)
    wal.append(Operation.ADD_MEASUREMENT, 'u', payload)
    wal.append(Operation.COMMIT, 'u', payload)
    wal.append(Operation.ADD_MEASUREMENT, 'u', payload.subarray(0, MeasurementPayload.BYTES - 1))
    wal.append(Operation.ADD_MEASUREMENT, 'u', Buffer.alloc(MeasurementPayload.BYTES, 0xa1))
    wal.append(Operation.ADD_MEASUREMENT, 'u', null)
    const [chunk] = (await allOf(wal.chunks())) as [EntryChunk]
    expect(range(0, 4).map((index) => chunk.isMeasurement(index))).toEqual([true, false, false, false, false])
    expect([chunk.measurementTimestamp(0), chunk.measurementValue(0)]).toEqual([1234.5, -7.25])
  })
})

describe('users', () => {
  test('have one number for as long as chunks share their array', async () => {
    const wal = await log.open()
    for (let i = 0; i < 50_000; i++) {
      while (!wal.hasRoom(1, 20)) await wal.drained()
      wal.append(Operation.COMMIT, `user-${i % 20_000}`, null)
    }
    const chunks = await allOf(wal.chunks())
    expect(new Set(chunks.map((chunk) => chunk.users)).size).toBe(1)
    expect(chunks[0]?.users).toHaveLength(20_000)
    expect(chunks.flatMap((chunk) => range(0, chunk.length - 1).map((i) => chunk.userId(i)))).toEqual(range(0, 49_999).map((i) => `user-${i % 20_000}`))
  })

  test('are numbered anew behind 100,000 of them, and chunks from before keep theirs', async () => {
    const wal = await log.open({ segmentBytes: 1 << 24 })
    for (let i = 0; i < 140_000; i++) {
      while (!wal.hasRoom(1, 20)) await wal.drained()
      wal.append(Operation.COMMIT, `user-${i}`, null)
    }
    const chunks = await allOf(wal.chunks())
    expect(new Set(chunks.map((chunk) => chunk.users)).size).toBe(2)
    expect(chunks.flatMap((chunk) => range(0, chunk.length - 1).map((i) => chunk.userId(i)))).toEqual(range(0, 139_999).map((i) => `user-${i}`))
  })
})

describe('filters', () => {
  let wal: Wal
  beforeEach(async () => {
    wal = await log.open({ segmentBytes: 1 << 16, batchIntervalMs: 1, maintenance: false })
    await fill(wal, 3000, 1000)
    await wal.durable()
  })

  test.each<[string, Parameters<Wal['chunks']>[0]]>([
    ['fromLsn', { fromLsn: 2000 }],
    ['userId', { userId: 'us\u00e9r-1' }],
    ['operations', { operations: [Operation.COMMIT] }],
    ['all of them', { fromLsn: 100, userId: 'us\u00e9r-1', operations: [Operation.COMMIT, Operation.ROLLBACK] }]
  ])('%s', async (_, options) => {
    const chunks = await allOf(wal.chunks(options))
    expect(chunks.flatMap(readOut)).toEqual(await entriesOf(wal, options))
    const wanted = (await entriesOf(wal)).filter(
      ({ lsn, userId, operation }) =>
        lsn >= (options?.fromLsn ?? 1) && userId === (options?.userId ?? userId) && (options?.operations?.includes(operation) ?? true)
    )
    expect(wanted.length).toBeGreaterThan(0)
    expect(chunks.flatMap(readOut)).toEqual(wanted)
  })

  test.each([{ userId: 'nobody' }, { operations: [] }, { fromLsn: 3001 }])('%j: no chunk, rather than an empty one', async (options) => {
    expect(await allOf(wal.chunks(options))).toEqual([])
    expect(await allOf(readLogChunks(log.directory, options))).toEqual([])
  })

  test('a fromLsn that is none is refused at once', () => {
    expect(() => wal.chunks({ fromLsn: -1 })).toThrow(expect.objectContaining(code('ERR_WAL_INVALID_ARGUMENT')) as Error)
  })
})

describe('ending early', () => {
  test('a signal that fires, between two chunks', async () => {
    const wal = await log.open()
    await fill(wal, 5000, 1000)
    const controller = new AbortController()
    const lsns: number[] = []
    const reading = (async () => {
      for await (const chunk of wal.chunks({ signal: controller.signal })) {
        lsns.push(chunk.lsn(0))
        controller.abort()
      }
    })()
    await expect(reading).rejects.toMatchObject(code('ERR_WAL_ABORTED'))
    expect(lsns).toEqual([1])
  })

  test('a signal that has fired: nothing is read', async () => {
    const wal = await log.open()
    await expect(wal.chunks({ signal: AbortSignal.abort() }).next()).rejects.toMatchObject(code('ERR_WAL_ABORTED'))
  })

  test('break, while the next chunk is being read: the log closes, and the directory is left alone', async () => {
    const wal = await log.open()
    await fill(wal, 5000, 1000)
    for await (const chunk of wal.chunks()) {
      expect(chunk.lsn(0)).toBe(1)
      break
    }
    await wal.close()
  })
})

describe('with memory that is used again', () => {
  test('each chunk says the same, until the next one is asked for, with filters and chunks of any size', async () => {
    const wal = await log.open()
    await fill(wal, 30_000, 10)
    await fill(wal, 3000, 1000)
    await fill(wal, 1, 0)
    wal.append(Operation.COMMIT, 'large', Buffer.alloc(200_000, 7))
    await fill(wal, 30_000, 10)
    await wal.durable()
    for (const options of [{}, { userId: 'us\u00e9r-1' }]) {
      const entries = await entriesOf(wal, options)
      let at = 0
      for await (const chunk of wal.chunks({ ...options, reuse: true })) {
        // Meanwhile the next one arrives.
        await new Promise((resolve) => setTimeout(resolve, 20))
        expect(readOut(chunk)).toEqual(entries.slice(at, at + chunk.length))
        at += chunk.length
      }
      expect(at).toBe(entries.length)
    }
  })

  test('two chunks of memory are enough for a log of any size', async () => {
    const wal = await log.open()
    // Payloads of changing lengths: chunks are not of one size.
    for (let i = 0; i < 12; i++) await fill(wal, 17_000, 3 + ((i * 7) % 5))
    const memories = new Set<unknown>()
    let chunks = 0
    for await (const chunk of wal.chunks({ reuse: true })) {
      memories.add(chunk.payload(1).buffer)
      chunks++
    }
    expect(chunks).toBeGreaterThan(10)
    expect(memories.size).toBeLessThan(7)
  })

  test('memory that somebody has taken away meanwhile is not written to', async () => {
    const wal = await log.open()
    await fill(wal, 60_000, 3)
    const lsns: number[] = []
    for await (const chunk of wal.chunks({ reuse: true })) {
      lsns.push(...lsnsOf([chunk]))
      const { buffer } = chunk.payload(1)
      structuredClone(buffer, { transfer: [buffer as ArrayBuffer] })
    }
    expect(lsns).toEqual(range(1, 60_000))
  })
})

test('damage is told before the entries behind it, and costs no others', async () => {
  const wal = await log.open({ segmentBytes: 1 << 16, batchIntervalMs: 1, maintenance: false })
  await fill(wal, 3000, 1000)
  await wal.close()
  const file = readdirSync(log.directory).filter((name) => name.endsWith('.wal')).sort()[3] as string
  const bytes = readFileSync(join(log.directory, file))
  const at = native().limits.segmentHeaderBytes + 500
  bytes[at] = (bytes[at] as number) ^ 1
  writeFileSync(join(log.directory, file), bytes)
  const told: Damage[] = []
  const lsns: number[] = []
  for await (const chunk of readLogChunks(log.directory, { onDamage: (damage) => told.push(damage) })) {
    const behind = readOut(chunk).filter(({ lsn }) => lsn > (told[0]?.lastLsn ?? Infinity))
    if (told.length === 0) expect(behind).toEqual([])
    lsns.push(...lsnsOf([chunk]))
  }
  expect(told).toHaveLength(1)
  expect(lsns).toEqual(range(1, 3000).filter((lsn) => lsn !== told[0]?.firstLsn))
})
