// Proves that maintenance does one thing at a time, in order, when it is due; that a job that fails disturbs nobody, is told of
// and tried again later and later; and that closing waits for the job that runs, and no longer than to its next safe place.
import { describe, expect, test } from 'vitest'
import { WalError } from '../../lib/index.js'
import { Scheduler, type MaintenanceJob } from '../../lib/maintenance/scheduler.js'

const MINUTE_MS = 60_000

interface Bench {
  scheduler: Scheduler
  told: string[]
  failures: Array<[string, WalError]>
  pass: (ms: number) => void
  /** Looks, and waits until what that began is over. */
  look: () => Promise<void>
}

function bench(jobs: (told: string[]) => MaintenanceJob[]): Bench {
  const told: string[] = []
  const failures: Array<[string, WalError]> = []
  let nowMs = 0
  const scheduler = new Scheduler({
    jobs: jobs(told),
    monotonicMs: () => nowMs,
    onFailure: (job, error) => failures.push([job, error])
  })
  const look = async (): Promise<void> => {
    scheduler.look()
    await scheduler.exclusively(() => Promise.resolve())
    await new Promise((resolve) => setImmediate(resolve))
  }
  return { scheduler, told, failures, pass: (ms) => (nowMs += ms), look }
}

function job(name: string, told: string[], how: { isDue?: () => boolean; run?: (signal: AbortSignal) => Promise<void> } = {}): MaintenanceJob {
  return {
    name,
    isDue: how.isDue ?? (() => true),
    run: async (signal) => {
      told.push(`${name} begins`)
      await (how.run ?? (() => Promise.resolve()))(signal)
      told.push(`${name} ends`)
    }
  }
}

function gate(): { opened: Promise<void>; open: () => void } {
  let open!: () => void
  const opened = new Promise<void>((resolve) => (open = resolve))
  return { opened, open }
}

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

describe('jobs', () => {
  test('that are due run, one behind the other, in the order of the list', async () => {
    const { told, look } = bench((list) => [job('first', list, { run: turn }), job('not due', list, { isDue: () => false }), job('second', list)])
    await look()
    expect(told).toEqual(['first begins', 'first ends', 'second begins', 'second ends'])
  })

  test('are asked when it is their turn: what one job did can make the next one due', async () => {
    const { told, look } = bench((list) => [job('first', list), job('second', list, { isDue: () => list.includes('first ends') })])
    await look()
    expect(told).toContain('second ends')
  })

  test('do not pile up while one runs, however often is looked', async () => {
    const { opened, open } = gate()
    const { scheduler, told, look } = bench((list) => [job('slow', list, { run: () => opened })])
    for (let i = 0; i < 5; i++) scheduler.look()
    await turn()
    scheduler.look()
    open()
    await turn()
    expect(told).toEqual(['slow begins', 'slow ends'])
    await look()
    expect(told).toHaveLength(4)
  })

  test('and what is asked for by hand take turns', async () => {
    const { opened, open } = gate()
    const { scheduler, told } = bench((list) => [job('job', list, { run: () => opened })])
    scheduler.look()
    const asked = scheduler.exclusively(() => {
      told.push('by hand')
      return Promise.resolve(7)
    })
    await turn()
    expect(told).toEqual(['job begins'])
    open()
    expect(await asked).toBe(7)
    expect(told).toEqual(['job begins', 'job ends', 'by hand'])
  })
})

describe('a job that fails', () => {
  const noSpace = new WalError('ERR_WAL_NO_SPACE', 'full')

  test('does not keep the next one from running, and is told of', async () => {
    const { told, failures, scheduler, look } = bench((list) => [job('bad', list, { run: () => Promise.reject(noSpace) }), job('good', list)])
    await look()
    expect(told).toContain('good ends')
    expect(failures).toEqual([['bad', noSpace]])
    expect([...scheduler.failures].map(([name, { error }]) => [name, error])).toEqual([['bad', noSpace]])
  })

  test('is tried again after a minute, two, four, up to an hour', async () => {
    const { told, pass, look } = bench((list) => [job('bad', list, { run: () => Promise.reject(noSpace) })])
    const tries = (): number => told.length
    await look()
    for (const [wait, expected] of [[MINUTE_MS - 1, 1], [1, 2], [2 * MINUTE_MS - 1, 2], [1, 3], [4 * MINUTE_MS, 4]] as const) {
      pass(wait)
      await look()
      expect(tries()).toBe(expected)
    }
    for (let i = 0; i < 10; i++) {
      pass(60 * MINUTE_MS)
      await look()
    }
    expect(tries()).toBe(14)
  })

  test('is forgotten when it has succeeded, and only then', async () => {
    let works = false
    let due = true
    const { scheduler, pass, look } = bench((list) => [
      job('job', list, { isDue: () => due, run: () => (works ? Promise.resolve() : Promise.reject(noSpace)) })
    ])
    await look()
    due = false
    pass(MINUTE_MS)
    await look()
    expect(scheduler.failures.size).toBe(1)
    due = works = true
    await look()
    expect(scheduler.failures.size).toBe(0)
  })

  test('with an error of the system: it is told as one of the log, with its cause', async () => {
    const cause = Object.assign(new Error('EIO: i/o error'), { code: 'EIO', errno: -5 })
    const { failures, look } = bench((list) => [job('bad', list, { run: () => Promise.reject(cause) })])
    await look()
    expect(failures[0]?.[1]).toMatchObject({ code: 'ERR_WAL_IO', errno: 5, cause, message: 'bad failed: EIO: i/o error' })
  })
})

describe('closing', () => {
  test('tells the job that runs, waits for it, and begins no other', async () => {
    const { opened, open } = gate()
    const { scheduler, told } = bench((list) => [
      job('running', list, {
        run: async (signal) => {
          await opened
          if (signal.aborted) list.push('told')
        }
      }),
      job('next', list)
    ])
    scheduler.look()
    await turn()
    let closed = false
    const closing = scheduler.close().then(() => (closed = true))
    await turn()
    expect(closed).toBe(false)
    open()
    await closing
    expect(told).toEqual(['running begins', 'told', 'running ends'])
  })

  test('is no failure of the job that it stops', async () => {
    const { scheduler, failures } = bench((list) => [
      job('running', list, {
        run: (signal) =>
          new Promise((_, reject) => {
            signal.addEventListener('abort', () => reject(signal.reason as WalError))
          })
      })
    ])
    scheduler.look()
    await turn()
    await scheduler.close()
    await turn()
    expect(failures).toEqual([])
  })

  test('refuses what is asked for afterwards, and what waited', async () => {
    const { opened, open } = gate()
    const { scheduler } = bench(() => [])
    const running = scheduler.exclusively(() => opened)
    await turn()
    const waiting = expect(scheduler.exclusively(() => Promise.resolve(1))).rejects.toMatchObject({ code: 'ERR_WAL_CLOSED' })
    const closing = scheduler.close()
    open()
    await running
    await Promise.all([closing, waiting])
    await expect(scheduler.exclusively(() => Promise.resolve(1))).rejects.toMatchObject({ code: 'ERR_WAL_CLOSED' })
  })

  test('the caller’s own signal stops what was asked for by hand', async () => {
    const { scheduler } = bench(() => [])
    const controller = new AbortController()
    const asked = scheduler.exclusively((signal) => {
      controller.abort('enough')
      return Promise.resolve(signal.reason as string)
    }, controller.signal)
    expect(await asked).toBe('enough')
  })
})
