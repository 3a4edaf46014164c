// Proves how waiters for durability are grouped: whoever asks between two answers of the writer shares one promise, nobody is
// put off by those who come later, and nobody is told before their entry is durable.
import { describe, expect, test } from 'vitest'
import { DurableWaiters } from '../../lib/wal/waiters.js'

async function isSettled(promise: Promise<void>): Promise<boolean> {
  let settled = false
  void promise.then(() => (settled = true))
  await new Promise((resolve) => setImmediate(resolve))
  return settled
}

describe('between two answers', () => {
  test('those who wait for what is appended share one promise', () => {
    const waiters = new DurableWaiters()
    const first = waiters.wait(3, 10)
    const second = waiters.wait(7, 10)
    expect(first).toMatchObject({ isNew: true, target: 10 })
    expect(second).toMatchObject({ isNew: false, target: 10 })
    expect(second.promise).toBe(first.promise)
  })

  test('those who append in between join in, and the writer is asked for more', () => {
    const waiters = new DurableWaiters()
    const first = waiters.wait(1, 1)
    for (let lsn = 2; lsn <= 1000; lsn++) {
      const wait = waiters.wait(lsn, lsn)
      expect(wait).toMatchObject({ isNew: true, target: lsn })
      expect(wait.promise).toBe(first.promise)
    }
    expect(waiters.size).toBe(1)
  })
})

describe('after an answer', () => {
  test('who comes later does not put off those who came before', async () => {
    const waiters = new DurableWaiters()
    const early = waiters.wait(5, 5)
    waiters.settle(2)
    const late = waiters.wait(9, 9)
    expect(late.promise).not.toBe(early.promise)
    waiters.settle(5)
    await early.promise
    expect(await isSettled(late.promise)).toBe(false)
    waiters.settle(9)
    await late.promise
    expect(waiters.size).toBe(0)
  })

  test('who waits for what an earlier group waits for joins that', () => {
    const waiters = new DurableWaiters()
    const early = waiters.wait(5, 5)
    waiters.settle(2)
    waiters.wait(9, 9)
    expect(waiters.wait(4, 9)).toMatchObject({ promise: early.promise, isNew: false, target: 5 })
  })

  test('one entry short is not enough', async () => {
    const waiters = new DurableWaiters()
    const { promise } = waiters.wait(5, 5)
    waiters.settle(4)
    expect(await isSettled(promise)).toBe(false)
  })
})

test('when the log fails everybody is told why, and who comes later begins anew', async () => {
  const waiters = new DurableWaiters()
  const { promise } = waiters.wait(5, 5)
  waiters.rejectAll(new Error('the disk is gone'))
  await expect(promise).rejects.toThrow('the disk is gone')
  expect(waiters.size).toBe(0)
  expect(waiters.wait(5, 5).promise).not.toBe(promise)
})
