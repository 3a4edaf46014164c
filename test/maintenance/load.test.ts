/** Proves when a log counts as busy: by what was written within a second, and never by a look that is long ago. */
import { expect, test } from 'vitest'
import { BUSY_BYTES_PER_SECOND, LoadGate } from '../../lib/maintenance/load.js'

function newGate() {
  const now = { ms: 0, bytes: 0 }
  const gate = new LoadGate({ writtenBytes: () => now.bytes, monotonicMs: () => now.ms })
  return { now, gate }
}

test('a log that writes little is calm at any time', () => {
  const { now, gate } = newGate()
  for (let second = 0; second < 100; second++) {
    expect(gate.isCalm()).toBe(true)
    now.ms += 1000
    now.bytes += BUSY_BYTES_PER_SECOND - 1
  }
})

test('a burst is busy while it lasts, and calm one second behind its end', () => {
  const { now, gate } = newGate()
  for (let tenth = 1; tenth <= 30; tenth++) {
    now.ms += 100
    now.bytes += BUSY_BYTES_PER_SECOND / 5
    expect(gate.isCalm(), `${tenth} tenths`).toBe(tenth < 5)
  }
  now.ms += 1000
  expect(gate.isCalm()).toBe(true)
})

test('what was written over a long time says nothing of the last second: it is asked again', () => {
  const { now, gate } = newGate()
  now.ms += 60_000
  now.bytes += BUSY_BYTES_PER_SECOND
  expect(gate.isCalm()).toBe(false)
  now.ms += 1000
  expect(gate.isCalm()).toBe(true)
})
