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
    expect(first).toMatchObject({ ask: 'soon' })
    expect(second).toMatchObject({ ask: 'not' })
    expect(second.promise).toBe(first.promise)
  })

  test('those who append in between join in, and the writer is asked for more', () => {
    const waiters = new DurableWaiters()
    const first = waiters.wait(1, 1)
    for (let lsn = 2; lsn <= 1000; lsn++) {
      const wait = waiters.wait(lsn, lsn)
      expect(wait).toMatchObject({ ask: 'soon' })
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
    expect(waiters.wait(4, 9)).toMatchObject({ promise: early.promise, ask: 'not' })
  })

  test('when very many were woken together, the writer is asked for the first half of them at once', async () => {
    const waiters = new DurableWaiters()
    let lsn = 0
    const round = (): Array<ReturnType<DurableWaiters['wait']>> => Array.from({ length: 1024 }, () => waiters.wait(++lsn, lsn))
    // Nobody was woken before: how many are to come is not known.
    expect(new Set(round().map(({ ask }) => ask))).toEqual(new Set(['soon']))
    waiters.settle(lsn)
    const asks = round()
    expect(asks.findIndex(({ ask }) => ask === 'now')).toBe(511)
    expect(asks.filter(({ ask }) => ask === 'now')).toHaveLength(1)
    expect(new Set(asks.map(({ promise }) => promise)).size).toBe(2)

    waiters.settle(1024 + 512)
    expect(await isSettled((asks[511] as (typeof asks)[number]).promise)).toBe(true)
    expect(await isSettled((asks[512] as (typeof asks)[number]).promise)).toBe(false)
    // The other half is under way: those of the first half share a sync again.
    expect(Array.from({ length: 512 }, () => waiters.wait(++lsn, lsn).ask)).not.toContain('now')
  })

  test('a few hundred are not split', () => {
    const waiters = new DurableWaiters()
    for (let lsn = 1; lsn <= 400; lsn++) waiters.wait(lsn, lsn)
    waiters.settle(400)
    for (let lsn = 401; lsn <= 800; lsn++) expect(waiters.wait(lsn, lsn).ask).toBe('soon')
    expect(waiters.size).toBe(1)
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
