// Programs that use a service: what a step of one is, and how steps are drawn.
import fc from 'fast-check'
import type { Rules } from './service-model.js'

/** `failures`: how often a replay with this measurement fails before it succeeds. */
type Add = { userId: string; hour: number; failures: number }
export type WhileReplaying = { at: number; do: 'die' | 'cut power' | 'abort' | 'add'; add: Add; then: Rules }

export type Step =
  | ({ do: 'add' } & Add)
  | { do: 'replay'; userId: string; interruption: WhileReplaying | undefined }
  | { do: 'replay ready' }
  | { do: 'clear'; userId: string }
  | { do: 'pass time'; hours: number }
  | { do: 'durable' }
  | { do: 'checkpoint' }
  | { do: 'compact'; drop: boolean }
  | { do: 'close' | 'die' | 'cut power'; then: Rules }

export interface ServiceProgram {
  rules: Rules
  steps: Step[]
}

const userIds = fc.constantFrom('ann', 'bob', '__proto__')
const hours = fc.integer({ min: 0, max: 60 })

const rules: fc.Arbitrary<Rules> = fc
  .record({
    bufferHours: fc.integer({ min: 1, max: 30 }),
    maxBufferMeasurements: fc.integer({ min: 1, max: 6 }),
    minMeasurements: fc.integer({ min: 1, max: 3 }),
    triggerMode: fc.constantFrom('time_based' as const, 'measurement_count' as const),
    clock: fc.constantFrom('event' as const, 'wall' as const),
    maxAttempts: fc.integer({ min: 1, max: 3 })
  })
  .map((drawn) => ({ ...drawn, minMeasurements: Math.min(drawn.minMeasurements, drawn.maxBufferMeasurements) }))

const add = fc.record({
  userId: userIds,
  hour: hours,
  failures: fc.oneof({ weight: 5, arbitrary: fc.constant(0) }, { weight: 1, arbitrary: fc.integer({ min: 1, max: 4 }) })
})

const interruptions: fc.Arbitrary<WhileReplaying> = fc.record({
  at: fc.constantFrom(1, 1, 2, 3),
  do: fc.constantFrom('die', 'cut power', 'abort', 'add'),
  add,
  then: rules
})

const steps: fc.Arbitrary<Step> = fc.oneof(
  { weight: 30, arbitrary: add.map((drawn) => ({ do: 'add' as const, ...drawn })) },
  {
    weight: 10,
    arbitrary: fc.record({ do: fc.constant('replay' as const), userId: userIds, interruption: fc.option(interruptions, { nil: undefined }) })
  },
  { weight: 4, arbitrary: fc.record({ do: fc.constant('replay ready' as const) }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('clear' as const), userId: userIds }) },
  { weight: 5, arbitrary: fc.record({ do: fc.constant('pass time' as const), hours }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('durable' as const) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('checkpoint' as const) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('compact' as const), drop: fc.boolean() }) },
  { weight: 6, arbitrary: fc.record({ do: fc.constantFrom('close' as const, 'die' as const, 'cut power' as const), then: rules }) }
)

export const servicePrograms: fc.Arbitrary<ServiceProgram> = fc.record({
  rules,
  steps: fc.array(steps, { minLength: 1, maxLength: 40, size: 'max' })
})
