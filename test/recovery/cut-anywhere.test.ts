// Proves the heart of recovery: wherever a crash cuts the log, recovering and going on with the rest of the source ends in
// the states, counts and parked replays of a run that was never cut; recovering twice is recovering once; and a second
// crash, at any point of the second run, changes nothing either.
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { recover } from '../../lib/index.js'
import { Job, programs, type Outcome, type Program } from './job.js'
import { MemoryLog } from './memory-log.js'

async function unbroken(program: Program): Promise<{ log: MemoryLog; outcome: Outcome }> {
  const log = new MemoryLog()
  return { log, outcome: await (await Job.open(log, program)).finish() }
}

async function resumed(log: MemoryLog, program: Program): Promise<Outcome> {
  return (await Job.open(log, program)).finish()
}

test('a log cut behind any entry leads to the states of the unbroken run', async () => {
  await fc.assert(
    fc.asyncProperty(programs, async (program) => {
      const { log, outcome } = await unbroken(program)
      for (let length = 0; length <= log.stored.length; length++) {
        expect(await resumed(MemoryLog.cut(log, length), program), `cut behind entry ${length}`).toStrictEqual(outcome)
      }
    }),
    { numRuns: 120 }
  )
})

test('so does a log that is cut, gone on with, and cut again and again', async () => {
  await fc.assert(
    fc.asyncProperty(programs, fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { minLength: 2, maxLength: 6 }), async (program, cuts) => {
      const { log, outcome } = await unbroken(program)
      let current = log
      for (const cut of cuts) {
        current = MemoryLog.cut(current, Math.round(cut * current.stored.length))
        await (await Job.open(current, program)).finish()
      }
      expect(await resumed(current, program)).toStrictEqual(outcome)
    }),
    { numRuns: 300 }
  )
})

test('recovering twice is recovering once, and recovery writes nothing', async () => {
  await fc.assert(
    fc.asyncProperty(programs, fc.double({ min: 0, max: 1, noNaN: true }), async (program, cut) => {
      const { log } = await unbroken(program)
      const left = MemoryLog.cut(log, Math.round(cut * log.stored.length))
      const before = left.stored.length
      const first = await recover(left)
      await Job.open(left, program)
      const second = await recover(left)
      expect({ ...second, durationMs: 0 }).toStrictEqual({ ...first, durationMs: 0 })
      expect(left.stored.length).toBe(before)
      expect(first.tainted).toEqual([])
    }),
    { numRuns: 200 }
  )
})

test('a run that is finished has nothing left to do', async () => {
  await fc.assert(
    fc.asyncProperty(programs, async (program) => {
      const { log, outcome } = await unbroken(program)
      const length = log.stored.length
      expect(await resumed(log, program)).toStrictEqual(outcome)
      // A clear that is the program's last word is done again, on nothing.
      expect(log.stored.length).toBe(length)
    }),
    { numRuns: 100 }
  )
})
