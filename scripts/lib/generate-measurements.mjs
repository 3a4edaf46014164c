// Measurements for the demo and for benchmarks: the same file for the same arguments, on every machine.
import { closeSync, openSync, writeSync } from 'node:fs'

const MINUTE_MS = 60_000
const BLOCK_CHARACTERS = 1 << 20
// Every second user sends often: 100 measurements take 13 to 17 hours, so the buffer fills before its 72 hours pass.
// The others send every 1 to 3 hours: 72 hours pass first, with about 36 measurements.
const OFTEN_STEP_MS = { least: 8 * MINUTE_MS, most: 10 * MINUTE_MS }
const SELDOM_STEP_MS = { least: 60 * MINUTE_MS, most: 180 * MINUTE_MS }
// Heart rate in beats per minute: a random walk between two bounds.
const LEAST_RATE = 45
const MOST_RATE = 190
const MOST_RATE_STEP = 6

/**
 * Writes a CSV file (user,time,value; ISO 8601 times) of heart rates in the order of their times, so that users are
 * interleaved. Every user occurs when there are at least as many measurements as users.
 *
 * @param {{ users: number, measurements: number, seed: number, startMs: number, file: string }} options
 * @returns {{ file: string, users: number, measurements: number, bytes: number, endMs: number }}
 */
export function generateMeasurements({ users, measurements, seed, startMs, file }) {
  const random = mulberry32(seed)
  const digits = String(users).length
  const people = Array.from({ length: users }, (_, index) => ({
    name: `user-${String(index + 1).padStart(digits, '0')}`,
    step: index % 2 === 0 ? OFTEN_STEP_MS : SELDOM_STEP_MS,
    // All begin within the first minute, before anyone's second measurement.
    timeMs: startMs + Math.floor(random() * MINUTE_MS),
    rate: 60 + Math.floor(random() * 40)
  }))
  const queue = people.sort((a, b) => a.timeMs - b.timeMs)
  const output = openSync(file, 'w', 0o600)
  let bytes = 0
  let endMs = startMs
  try {
    let block = 'user,time,value\n'
    for (let count = 0; count < measurements; count += 1) {
      const person = queue[0]
      endMs = person.timeMs
      block += `${person.name},${new Date(person.timeMs).toISOString()},${person.rate}\n`
      person.timeMs += between(person.step.least, person.step.most, random)
      const rate = person.rate + between(-MOST_RATE_STEP, MOST_RATE_STEP, random)
      person.rate = Math.min(MOST_RATE, Math.max(LEAST_RATE, rate))
      siftDown(queue)
      if (block.length >= BLOCK_CHARACTERS) {
        bytes += writeAll(output, block)
        block = ''
      }
    }
    bytes += writeAll(output, block)
  } finally {
    closeSync(output)
  }
  return { file, users, measurements, bytes, endMs }
}

// mulberry32 by Tommy Ettinger (public domain): 32 bits of state, which is enough to look irregular.
export function mulberry32(seed) {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}

// A whole number from `least` to `most`, both included.
function between(least, most, random) {
  return least + Math.floor(random() * (most - least + 1))
}

// Restores the order of a binary heap by time after its first element has become later.
function siftDown(heap) {
  const moved = heap[0]
  let at = 0
  for (;;) {
    let child = 2 * at + 1
    if (child >= heap.length) break
    if (child + 1 < heap.length && heap[child + 1].timeMs < heap[child].timeMs) child += 1
    if (heap[child].timeMs >= moved.timeMs) break
    heap[at] = heap[child]
    at = child
  }
  heap[at] = moved
}

function writeAll(output, text) {
  const bytes = Buffer.from(text)
  for (let written = 0; written < bytes.length; ) written += writeSync(output, bytes, written)
  return bytes.length
}
