// Proves that storing entries into the ring from JavaScript keeps the specification of appenders, and what is this road's alone:
// the bytes are where native code looks for them, the writer is woken when it asked for that and not otherwise, and the clock
// is read at least once a turn.
import { afterEach, describe, expect, test, vi } from 'vitest'
import type { NativeLog } from '../../binding.js'
import { Operation, readLog } from '../../lib/index.js'
import { native } from '../../lib/native.js'
import { RingAppender } from '../../lib/wal/ring-appender.js'
import { describeAppender, refusalOf, RING_BYTES, useAppender } from './appender-specification.js'
import { code, errorOf } from './support.js'

type Place = 'dataAt' | 'stateAt' | 'stateFailed' | 'wakeAtAt' | 'writerFencesAt' | 'tailAt' | 'headAt'
const layout = native().ringLayout as Readonly<Record<Place, number>>
let memory: ArrayBuffer

const use = useAppender((log) => {
  const given = log.ringMemory()
  if (given === null) throw new Error('this machine gives no memory of the ring')
  memory = given
  return new RingAppender(log, given, native())
})
describeAppender('RingAppender', use)

afterEach(() => {
  vi.restoreAllMocks()
})

function word(at: number): number {
  return Atomics.load(new Int32Array(memory), at >> 2)
}

function setWord(at: number, value: number): void {
  Atomics.store(new Int32Array(memory), at >> 2, value)
}

describe('the layout', () => {
  test('is that of the native module: any other number is refused by name', async () => {
    await use.open()
    for (const name of Object.keys(native().ringLayout)) {
      const other = { ...native(), ringLayout: { ...native().ringLayout, [name]: 1 } }
      const error = errorOf(() => new RingAppender(use.log, memory, other))
      expect(error).toMatchObject(code('ERR_WAL_NATIVE'))
      expect(error.message).toContain(`${name} 1, the package ${native().ringLayout[name]}`)
    }
  })
})

describe('a log that has failed', () => {
  test('takes nothing more', async () => {
    const appender = await use.open()
    const user = appender.user('user')
    const before = word(layout.stateAt)
    setWord(layout.stateAt, layout.stateFailed)
    expect(refusalOf(appender.append(Operation.COMMIT, 'user', null, 0))).toBe('ERR_WAL_FAILED')
    expect(refusalOf(appender.appendMeasurement(user, 0, 0, 0, 0, 0, 0))).toBe('ERR_WAL_FAILED')
    expect(appender.hasRoom(1, 1)).toBe(false)
    setWord(layout.stateAt, before)
    expect(appender.append(Operation.COMMIT, 'user', null, 0)).toBe(1)
  })
})

test('a log that is closed has room for nothing', async () => {
  const appender = await use.open()
  expect(appender.hasRoom(1, 1)).toBe(true)
  await use.close()
  expect(appender.hasRoom(0, 0)).toBe(false)
})

/** An appender over memory that no writer drains, and how often it has woken one. */
function alone(writerFences = true): { appender: RingAppender; wakes: () => number } {
  let wakes = 0
  memory = new ArrayBuffer(layout.dataAt + RING_BYTES)
  setWord(layout.wakeAtAt, -1)
  setWord(layout.writerFencesAt, writerFences ? 1 : 0)
  const log = { lastLsn: () => 0, wakeWriter: () => wakes++ } as unknown as NativeLog
  return { appender: new RingAppender(log, memory, native()), wakes: () => wakes }
}

describe('the writer', () => {
  const ENTRY_BYTES = 48

  test('is not woken while it is awake', () => {
    const { appender, wakes } = alone()
    for (let i = 0; i < 100; i++) appender.append(Operation.COMMIT, 'user', null, 0)
    expect(wakes()).toBe(0)
  })

  test('is woken by the entry with which as much is staged as it asked for', () => {
    const { appender, wakes } = alone()
    setWord(layout.wakeAtAt, 10 * ENTRY_BYTES)
    for (let entries = 1; entries < 10; entries++) {
      appender.append(Operation.COMMIT, 'user', null, 0)
      expect(wakes()).toBe(0)
    }
    appender.append(Operation.COMMIT, 'user', null, 0)
    expect(wakes()).toBe(1)
  })

  test('is not woken for what it has drained meanwhile', () => {
    const { appender, wakes } = alone()
    setWord(layout.wakeAtAt, 10 * ENTRY_BYTES)
    for (let entries = 1; entries < 200; entries++) {
      appender.append(Operation.COMMIT, 'user', null, 0)
      if (entries % 9 === 0) setWord(layout.tailAt, word(layout.headAt))
    }
    expect(wakes()).toBe(0)
  })

  test('is woken in the turn in which it asked for it while a loop of appends ran', async () => {
    const { appender, wakes } = alone()
    appender.append(Operation.COMMIT, 'user', null, 0)
    setWord(layout.wakeAtAt, 1)
    expect(wakes()).toBe(0)
    await Promise.resolve()
    expect(wakes()).toBe(1)
  })

  /** At this moment nothing of the entry may be missing. */
  function expectWhole(): void {
    const staged = Buffer.from(memory, layout.dataAt, ENTRY_BYTES + 8)
    expect(staged.toString('latin1', 40, 44)).toBe('user')
    expect(staged.toString('latin1', 48, 52)).toBe('load')
  }

  test('that fences sees an entry only when it is whole: head is the last store, before the look at "wake at"', async () => {
    alone()
    const IntegerArray = Int32Array
    const uses: string[] = []
    const watched: ProxyHandler<Int32Array> = {
      get: (words, index) => {
        if (index === String(layout.wakeAtAt >> 2)) uses.push('wake at')
        return Reflect.get(words, index) as unknown
      },
      set: (words, index, value: number) => {
        if (index !== String(layout.headAt >> 2)) expect(uses).toEqual([])
        else {
          expectWhole()
          uses.push('head')
        }
        return Reflect.set(words, index, value)
      }
    }
    const words = new Proxy(new Int32Array(memory), watched)
    vi.stubGlobal('Int32Array', function (of: ArrayBuffer) {
      return of === memory ? words : new IntegerArray(of)
    })
    const appender = new RingAppender({ lastLsn: () => 0 } as NativeLog, memory, native())
    vi.unstubAllGlobals()
    vi.spyOn(Atomics, 'load').mockReturnValue(-1 as never)
    appender.append(Operation.COMMIT, 'user', Buffer.from('load'), 0)
    expect(uses).toEqual(['head', 'wake at'])
    // The look at the end of the turn is not at the memory that is watched.
    await Promise.resolve()
  })

  test('that cannot fence does so too, and each entry waits until it is visible', () => {
    const { appender } = alone(false)
    const uses: string[] = []
    const store = Atomics.store.bind(Atomics) as (array: Int32Array, index: number, value: number) => number
    const load = Atomics.load.bind(Atomics) as (array: Int32Array, index: number) => number
    vi.spyOn(Atomics, 'store').mockImplementation(((array: Int32Array, index: number, value: number) => {
      expectWhole()
      uses.push(index === layout.headAt >> 2 ? 'head' : String(index))
      return store(array, index, value)
    }) as never)
    vi.spyOn(Atomics, 'load').mockImplementation(((array: Int32Array, index: number) => {
      uses.push(index === layout.wakeAtAt >> 2 ? 'wake at' : String(index))
      return load(array, index)
    }) as never)
    appender.append(Operation.COMMIT, 'user', Buffer.from('load'), 0)
    expect(uses).toEqual(['head', 'wake at'])
  })
})

describe('the end of a lap', () => {
  const appendOf = (appender: RingAppender, bytes: number): number =>
    appender.append(Operation.COMMIT, 'user', new Uint8Array(bytes - 48), 0)

  /** 3,000 bytes are left of the lap, and at its beginning 4,096 are free. */
  function nearTheEnd(): RingAppender {
    const { appender } = alone()
    for (let entries = 0; entries < 15; entries++) appendOf(appender, 4096)
    appendOf(appender, 1096)
    setWord(layout.tailAt, 4096)
    return appender
  }

  test('costs the room behind it: an entry that does not fit before what is staged is refused', () => {
    const appender = nearTheEnd()
    const head = word(layout.headAt)
    expect(appender.hasRoom(1, 4104 - 56)).toBe(false)
    expect(refusalOf(appendOf(appender, 4104))).toBe('ERR_WAL_BACKPRESSURE')
    expect(word(layout.headAt)).toBe(head)
    expect(appender.lastLsn).toBe(16)
  })

  test('is passed over by an entry that fits exactly', () => {
    const appender = nearTheEnd()
    expect(appender.hasRoom(1, 4096 - 56)).toBe(true)
    expect(appendOf(appender, 4096)).toBe(17)
    expect(word(layout.headAt)).toBe(RING_BYTES + 4096)
    expect(refusalOf(appendOf(appender, 56))).toBe('ERR_WAL_BACKPRESSURE')
  })

  test('is filled by an entry of its size', () => {
    const appender = nearTheEnd()
    expect(appendOf(appender, 3000)).toBe(17)
    expect(word(layout.headAt)).toBe(RING_BYTES)
    expect(appendOf(appender, 4096)).toBe(18)
  })
})

describe('the clock', () => {
  async function timestamps(): Promise<number[]> {
    const times: number[] = []
    for await (const { timestamp } of readLog(use.directory)) times.push(timestamp)
    return times
  }

  test('is read again in each turn', async () => {
    const appender = await use.open()
    const now = vi.spyOn(Date, 'now').mockReturnValue(1000)
    appender.append(Operation.COMMIT, 'user', null, 0)
    now.mockReturnValue(2000)
    await Promise.resolve()
    appender.append(Operation.COMMIT, 'user', null, 0)
    now.mockReturnValue(3000)
    await new Promise((resolve) => setImmediate(resolve))
    appender.append(Operation.COMMIT, 'user', null, 0)
    now.mockRestore()
    expect(await timestamps()).toEqual([1000, 2000, 3000])
  })

  test('is read again within a turn after 64 entries', async () => {
    const appender = await use.open()
    let time = 0
    const now = vi.spyOn(Date, 'now').mockImplementation(() => ++time)
    for (let i = 0; i < 200; i++) appender.append(Operation.COMMIT, 'user', null, 0)
    now.mockRestore()
    expect(await timestamps()).toEqual(Array.from({ length: 200 }, (_, index) => 1 + Math.floor(index / 64)))
  })
})
