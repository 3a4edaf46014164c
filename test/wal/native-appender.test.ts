// Proves that the road of one native call an entry keeps the specification of appenders, and that a log takes it where memory
// of the ring cannot be given to JavaScript.
import { describe, expect, test, vi } from 'vitest'
import type { NativeLog } from '../../binding.js'
import type * as nativeFile from '../../lib/native.js'
import { Operation } from '../../lib/index.js'
import { NativeAppender } from '../../lib/wal/native-appender.js'
import { describeAppender, refusalOf, useAppender } from './appender-specification.js'
import { code, entriesOf, errorOf, useTestLog } from './support.js'

const isRefusing = vi.hoisted(() => ({ ringMemory: false }))

vi.mock('../../lib/native.js', async (original) => {
  const actual = await original<typeof nativeFile>()
  /** A log as where external memory is refused. */
  const withoutRingMemory = (log: NativeLog): NativeLog =>
    new Proxy(log, {
      get: (target, name) => {
        if (name === 'ringMemory') return () => null
        const value: unknown = Reflect.get(target, name, target)
        return typeof value === 'function' ? (value.bind(target) as unknown) : value
      }
    })
  return {
    ...actual,
    native: () => {
      const module = actual.native()
      if (!isRefusing.ringMemory) return module
      return { ...module, open: async (options: Parameters<typeof module.open>[0]) => withoutRingMemory(await module.open(options)) }
    }
  }
})

const use = useAppender((log) => new NativeAppender(log))
describeAppender('NativeAppender', use)

test('hands on what native code refuses', () => {
  const failed = { append: () => -9, hasRoom: () => false } as unknown as NativeLog
  const appender = new NativeAppender(failed)
  expect(appender.append(Operation.COMMIT, 'user', null, 0)).toBe(-9)
  expect(appender.appendMeasurement(appender.user('user'), 0, 0, 0, 0, 0, 0)).toBe(-9)
  expect(refusalOf(-9)).toMatch(/^ERR_WAL_/)
})

describe('a log that cannot have the memory of its ring', () => {
  const log = useTestLog()

  test('does everything through native calls', async () => {
    isRefusing.ringMemory = true
    try {
      const wal = await log.open()
      const user = wal.user('user')
      expect(wal.append(Operation.START_BUFFER, 'user', Buffer.from('a'), 1)).toBe(1)
      expect(wal.appendMeasurement(user, 1, 2, 2)).toBe(2)
      expect(wal.appendMeasurement('other', 1, 2, 1)).toBe(3)
      expect(errorOf(() => wal.appendMeasurement(99, 1, 2))).toMatchObject(code('ERR_WAL_INVALID_ARGUMENT'))
      expect(wal.hasRoom(1, 100)).toBe(true)
      await wal.durable()
      expect([wal.lastLsn, wal.durableLsn, wal.stats().appends]).toEqual([3, 3, 3])
      expect((await entriesOf(wal)).map((entry) => entry.userId)).toEqual(['user', 'user', 'other'])
      await wal.close()
      expect(errorOf(() => wal.append(Operation.COMMIT, 'user'))).toMatchObject(code('ERR_WAL_CLOSED'))
    } finally {
      isRefusing.ringMemory = false
    }
  })
})
