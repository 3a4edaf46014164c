// The specification of Wal.user and Wal.appendMeasurement: what they take, what comes back of it, and, with random programs
// against a model, that measurements and other entries of any users and sizes do not disturb each other.
//
// INGEST_WAL_SEED sets the seed of the programs (1), INGEST_WAL_PROGRAMS their number (12).
import { describe, expect, test } from 'vitest'
import { Operation, WalError, type Wal } from '../../lib/index.js'
import { code, entriesOf, errorOf, QUIET, SMALLEST_RING, useTestLog } from './support.js'

const SEED = Number(process.env['INGEST_WAL_SEED'] ?? 1)
const PROGRAMS = Number(process.env['INGEST_WAL_PROGRAMS'] ?? 12)

const log = useTestLog()

/** The payload as docs/format.md says. */
function payloadOf(timestamp: number, value: number, buffer = 0, source = 0, position = 0): Buffer {
  const payload = Buffer.alloc(source === 0 ? 24 : 40)
  payload.writeUInt8(0xa2, 0)
  payload.writeUInt8(source === 0 ? 0 : 1, 1)
  payload.writeUInt32LE(buffer, 4)
  payload.writeDoubleLE(timestamp, 8)
  payload.writeDoubleLE(value, 16)
  if (source === 0) return payload
  payload.writeUInt32LE(source, 24)
  payload.writeDoubleLE(position, 32)
  return payload
}

async function payloadsOf(wal: Wal): Promise<string[]> {
  return (await entriesOf(wal)).map((entry) => Buffer.from(entry.payload).toString('hex'))
}

describe('appendMeasurement', () => {
  test('is an ADD_MEASUREMENT of the user, with its sequence, durable like any other', async () => {
    const wal = await log.open()
    const user = wal.user('user-1')
    expect(wal.appendMeasurement(user, 1000, 72, 5, 3, 2, 900)).toBe(1)
    await wal.durable(1)
    expect(wal.durableLsn).toBe(1)
    const [entry] = await entriesOf(wal, { userId: 'user-1', operations: [Operation.ADD_MEASUREMENT] })
    expect(entry).toMatchObject({ lsn: 1, operation: Operation.ADD_MEASUREMENT, userId: 'user-1', sequence: 5 })
    expect(Buffer.from(entry?.payload ?? [])).toEqual(payloadOf(1000, 72, 3, 2, 900))
  })

  test('what is left out is 0: no sequence, no buffer, no source', async () => {
    const wal = await log.open()
    wal.appendMeasurement('user-1', 1000, 72)
    expect(await entriesOf(wal)).toMatchObject([{ sequence: 0 }])
    expect(await payloadsOf(wal)).toEqual([payloadOf(1000, 72).toString('hex')])
  })

  test('keeps any number as it is', async () => {
    const wal = await log.open()
    const values = [0, -0, NaN, Infinity, -Infinity, Number.MIN_VALUE, Number.MAX_VALUE, 0.1]
    const times = [0, -0, -1, 0.5, -8.64e15, 8.64e15, Number.MAX_VALUE, Number.MIN_VALUE]
    values.forEach((value, index) => wal.appendMeasurement('user', times[index] as number, value))
    expect(await payloadsOf(wal)).toEqual(values.map((value, index) => payloadOf(times[index] as number, value).toString('hex')))
  })

  test('comes back the same from the ring, from a segment, and after the log was closed', async () => {
    const wal = await log.open()
    const handles = ['a', 'ü'.repeat(150), 'b'.repeat(9)].map((userId) => wal.user(userId))
    for (let i = 0; i < 300; i++) wal.appendMeasurement(handles[i % 3] as number, i, -i, i, i % 4, i % 2, i)
    const staged = await entriesOf(wal)
    expect(staged).toHaveLength(300)
    await wal.durable()
    const withoutPlace = (entries: typeof staged): unknown[] => entries.map((entry) => ({ ...entry, segment: 0, offset: 0 }))
    expect(withoutPlace(await entriesOf(wal))).toEqual(withoutPlace(staged))
    await wal.close()
    const again = await log.open()
    expect(withoutPlace(await entriesOf(again))).toEqual(withoutPlace(staged))
    // A handle is of one opening: users are numbered anew.
    expect(again.user('b'.repeat(9))).toBe(1)
  })

  test.each([
    ['timestamp', [NaN, 1]],
    ['timestamp', [Infinity, 1]],
    ['timestamp', ['1000', 1]],
    ['timestamp', [undefined, 1]],
    ['timestamp', [new Date(0), 1]],
    ['value', [0, '72']],
    ['value', [0, null]],
    ['value', [0, 12n]],
    ['sequence', [0, 1, -1]],
    ['sequence', [0, 1, 2 ** 32]],
    ['sequence', [0, 1, 0.5]],
    ['buffer', [0, 1, 0, -1]],
    ['buffer', [0, 1, 0, 2 ** 32]],
    ['source', [0, 1, 0, 0, 1.5]],
    ['source', [0, 1, 0, 0, NaN]],
    ['position', [0, 1, 0, 0, 1, -1]],
    ['position', [0, 1, 0, 0, 1, NaN]]
  ])('refuses a %s beyond what is allowed, having changed nothing (%#)', async (_, given) => {
    const wal = await log.open()
    const [timestamp, value, ...rest] = given as [number, number, ...number[]]
    const error = errorOf(() => wal.appendMeasurement('user', timestamp, value, ...rest))
    expect(error).toMatchObject(code('ERR_WAL_INVALID_ARGUMENT'))
    expect(error.message).toContain('allowed: a finite timestamp')
    expect(await entriesOf(wal)).toEqual([])
    expect(wal.appendMeasurement('user', 0, 1)).toBe(1)
  })

  test('refuses users as append does, and handles of no user', async () => {
    const wal = await log.open()
    expect(errorOf(() => wal.appendMeasurement('\ud800', 0, 1))).toMatchObject(code('ERR_WAL_INVALID_ARGUMENT'))
    expect(errorOf(() => wal.appendMeasurement(1, 0, 1))).toMatchObject(code('ERR_WAL_INVALID_ARGUMENT'))
    expect(errorOf(() => wal.user('x'.repeat(65_536)))).toMatchObject(code('ERR_WAL_TOO_LARGE'))
    expect(wal.lastLsn).toBe(0)
  })

  test('is refused with backpressure by a full ring, and after close', async () => {
    const wal = await log.open({ ...QUIET, ...SMALLEST_RING, batchBytes: 1 << 20 })
    const user = wal.user('user')
    const fill = (): number => {
      for (;;) wal.appendMeasurement(user, 0, 1)
    }
    expect(errorOf(fill)).toMatchObject(code('ERR_WAL_BACKPRESSURE'))
    const last = wal.lastLsn
    expect(wal.stats().backpressure).toBe(1)
    const drained = wal.drained()
    await wal.durable()
    await drained
    expect(wal.appendMeasurement(user, 0, 1)).toBe(last + 1)
    await wal.close()
    expect(errorOf(() => wal.appendMeasurement(user, 0, 1))).toMatchObject(code('ERR_WAL_CLOSED'))
  })
})

interface Expected {
  lsn: number
  operation: number
  userId: string
  sequence: number
  payload: string
}

/** A random program, and beside it what the log has to hold. */
class Program {
  readonly expected: Expected[] = []
  refusals = 0
  readonly #handles = new Map<string, number>()
  readonly #users: string[]
  #state: number

  constructor(
    readonly wal: Wal,
    seed: number
  ) {
    this.#state = seed >>> 0
    this.#users = ['', 'a', 'Zoë', '😀😀', 'x'.repeat(8), 'x'.repeat(256), 'y'.repeat(257), 'z'.repeat(1000)]
    for (let index = 0; index < 40; index++) this.#users.push(`user-${index}`)
  }

  #below(limit: number): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(this.#state ^ (this.#state >>> 15), this.#state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return Math.floor((((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32) * limit)
  }

  /** One step. False when it was refused for want of room. */
  step(): boolean {
    const userId = this.#users[this.#below(this.#users.length)] as string
    const sequence = this.#below(3) * (2 ** 31 - 1)
    const isMeasurement = this.#below(3) > 0
    const source = this.#below(2) * this.#below(2 ** 32)
    const numbers = [this.#below(1e9), this.#below(100) - 50, this.#below(2 ** 32), source, this.#below(1e6)] as const
    const [timestamp, value, buffer, , position] = numbers
    const operation = isMeasurement ? Operation.ADD_MEASUREMENT : ((1 + this.#below(6)) as Operation)
    const size = this.#below(10) === 0 ? this.#below(9000) : this.#below(60)
    const payload = isMeasurement ? payloadOf(timestamp, value, buffer, source, position) : Buffer.alloc(size, this.#below(256))
    const hasRoom = this.wal.hasRoom(1, Buffer.byteLength(userId) + payload.length)
    try {
      const lsn = isMeasurement
        ? this.wal.appendMeasurement(this.#userOf(userId), timestamp, value, sequence, buffer, source, position)
        : this.wal.append(operation, userId, payload, sequence)
      this.expected.push({ lsn, operation, userId, sequence, payload: payload.toString('hex') })
      return true
    } catch (error) {
      if (!(error instanceof WalError) || error.code !== 'ERR_WAL_BACKPRESSURE') throw error
      // What was said to have room is taken.
      expect(hasRoom).toBe(false)
      this.refusals++
      return false
    }
  }

  #userOf(userId: string): number | string {
    if (this.#below(3) === 0) return userId
    const handle = this.#handles.get(userId) ?? this.wal.user(userId)
    this.#handles.set(userId, handle)
    return handle
  }

  async check(): Promise<void> {
    const entries = await entriesOf(this.wal)
    const found = entries.map(({ lsn, operation, userId, sequence, payload }) => {
      return { lsn, operation, userId, sequence, payload: Buffer.from(payload).toString('hex') }
    })
    expect(found).toEqual(this.expected)
    expect(this.expected.map((entry) => entry.lsn)).toEqual(this.expected.map((_, index) => index + 1))
    expect(this.wal.lastLsn).toBe(this.expected.length)
  }
}

test(`${PROGRAMS} random programs leave in the log what the model says (seed ${SEED})`, async () => {
  let refusals = 0
  for (let number = 0; number < PROGRAMS; number++) {
    const directory = `${log.directory}/${number}`
    const wal = await log.open({ directory, ...QUIET, ...SMALLEST_RING, segmentBytes: 1 << 16, batchBytes: 1 << 20 })
    const program = new Program(wal, SEED * 1000 + number)
    for (let step = 0; step < 1500; step++) {
      if (!program.step()) await wal.durable()
      if (step % 500 === 250) await program.check()
    }
    await program.check()
    await wal.durable()
    await program.check()
    await wal.close()
    refusals += program.refusals
  }
  // A ring that was never full, or a lap that never ended, would prove little.
  expect(refusals).toBeGreaterThan(PROGRAMS)
})
