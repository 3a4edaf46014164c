// Programs that use a log: what a step of one is, and how steps are drawn.
import fc from 'fast-check'
import type { Operation, WalOptions } from '../../lib/index.js'

/** `place`: from 0 to 1, where in the log. */
export type Step =
  | { do: 'append'; operation: Operation; user: string; payloadBytes: number; sequence: number; times: number }
  | { do: 'measure'; user: string; byHandle: boolean; timestamp: number; value: number; sequence: number; source: number; position: number }
  | { do: 'refused' }
  | { do: 'durable'; place: number; awaited: boolean }
  | { do: 'read'; place: number; user: string | undefined; operations: Operation[] | undefined; by: 'entries' | 'chunks' | 'reused chunks' }
  | { do: 'begin reading' }
  | { do: 'read on'; entries: number }
  | { do: 'checkpoint' }
  | { do: 'compact'; drop: boolean }
  | { do: 'close'; then: Settings }
  | { do: 'die'; then: Settings }
  | { do: 'cut power'; then: Settings }

export type Settings = Required<Pick<WalOptions, 'segmentBytes' | 'queueBytes' | 'batchIntervalMs' | 'batchBytes' | 'maintenance' | 'compression'>>

export interface LogProgram {
  settings: Settings
  steps: Step[]
}

const HOUR_MS = 3_600_000
const USERS = ['ann', 'bob', '', '__proto__', 'a\0b', 'žluťoučký 🐎', 'long '.repeat(80)]
const OPERATIONS: readonly Operation[] = [1, 2, 3, 4, 5, 6]

const users = fc.constantFrom(...USERS)
const operations = fc.constantFrom(...OPERATIONS)
const uint32 = fc.oneof(fc.constant(0), fc.nat(), fc.integer({ min: 0, max: 2 ** 32 - 1 }))
const places = fc.oneof(fc.constantFrom(0, 1), fc.double({ min: 0, max: 1, noNaN: true }))

/** Segments and rings as small as they may be, so that a few entries fill them; batches at once, or never by themselves. */
const settings: fc.Arbitrary<Settings> = fc.record({
  segmentBytes: fc.constantFrom(1 << 16, 1 << 18),
  queueBytes: fc.constantFrom(1 << 16, 1 << 18),
  batchIntervalMs: fc.constantFrom(HOUR_MS, 1),
  batchBytes: fc.constantFrom(1 << 20, 4096, 1),
  maintenance: fc.boolean(),
  compression: fc.constantFrom('gzip' as const, 'none' as const)
})

function step(name: Step['do'], weight: number, fields: Record<string, fc.Arbitrary<unknown>> = {}): { weight: number; arbitrary: fc.Arbitrary<Step> } {
  return { weight, arbitrary: fc.record({ do: fc.constant(name), ...fields }) as unknown as fc.Arbitrary<Step> }
}

const steps = fc.oneof(
  step('append', 24, {
    operation: operations,
    user: users,
    payloadBytes: fc.oneof(fc.nat({ max: 40 }), fc.nat({ max: 3000 }), fc.constantFrom(0, 7, 8, 9, 12_000)),
    sequence: uint32,
    times: fc.oneof(fc.constant(1), fc.integer({ min: 2, max: 60 }))
  }),
  step('measure', 14, {
    user: users,
    byHandle: fc.boolean(),
    timestamp: fc.oneof(fc.nat(), fc.double({ noNaN: true, noDefaultInfinity: true })),
    value: fc.double(),
    sequence: uint32,
    source: fc.oneof(fc.constant(0), uint32),
    position: fc.maxSafeNat()
  }),
  step('refused', 1),
  step('durable', 9, { place: places, awaited: fc.boolean() }),
  step('read', 7, {
    place: places,
    user: fc.option(users, { nil: undefined }),
    operations: fc.option(fc.uniqueArray(operations, { maxLength: 3 }), { nil: undefined }),
    by: fc.constantFrom('entries', 'chunks', 'reused chunks')
  }),
  step('begin reading', 2),
  step('read on', 4, { entries: fc.integer({ min: 1, max: 50 }) }),
  step('checkpoint', 1),
  step('compact', 2, { drop: fc.boolean() }),
  step('close', 2, { then: settings }),
  step('die', 4, { then: settings }),
  step('cut power', 2, { then: settings })
)

export const logPrograms: fc.Arbitrary<LogProgram> = fc.record({ settings, steps: fc.array(steps, { minLength: 1, maxLength: 30, size: 'max' }) })
