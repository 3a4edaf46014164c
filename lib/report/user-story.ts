/** One user as a report shows it: the past from the trail, what waits from recovery. Pure. */
import { initialState, type KalmanState } from '../ingest/kalman.js'
import type { RecoveredUser, TaintedUser } from '../recovery/report.js'
import { estimates, kalmanStateOf, numbersOf } from './filter-states.js'
import type { StoryPoint, UserStory, WaitingBuffer } from './log-report.js'
import { MOST_POINTS, type UserTrail } from './user-trail.js'

export interface StoryParts {
  userId: string
  user: RecoveredUser | undefined
  waiting: readonly WaitingBuffer[]
  taints: readonly TaintedUser[]
  trail: UserTrail
  /** Whether users without a state are taken to be the filter's: nothing in the log says that they are another's. */
  isFiltersLog: boolean
}

export function userStory({ userId, user, waiting, taints, trail, isFiltersLog }: StoryParts): UserStory {
  const state = kalmanStateOf(user?.state)
  const stateKind = state !== undefined ? 'kalman' : user?.hasState === true ? 'other' : 'none'
  const from = state ?? (stateKind === 'none' && isFiltersLog ? initialState : undefined)
  const { points: pending, withoutNumber } = waitingPoints(user, from)
  const points = [...trail.points, ...pending]
  const tooMany = Math.max(0, points.length - MOST_POINTS)
  const { marks, marksLeftOut, agreeing, differing } = trail
  return {
    ...{ userId, waiting: [...waiting], taints: [...taints], replayed: user?.replayed ?? 0, stateKind, state },
    points: points.slice(tooMany),
    pointsLeftOut: trail.pointsLeftOut + tooMany,
    withoutNumber: trail.withoutNumber + withoutNumber,
    ...{ agreeing, differing, marks, marksLeftOut }
  }
}

/** What a replay of all that waits would make of it, buffer by buffer, from the state `from`. */
function waitingPoints(user: RecoveredUser | undefined, from: KalmanState | undefined): { points: StoryPoint[]; withoutNumber: number } {
  const points: StoryPoint[] = []
  let withoutNumber = 0
  let state = from
  for (const { number, measurements } of user?.buffers ?? []) {
    const numbers = measurements.map(numbersOf).filter((each) => each !== undefined)
    withoutNumber += measurements.length - numbers.length
    // The filter takes numbers: what it would make of anything else is not known, nor of what comes behind.
    if (numbers.length < measurements.length) state = undefined
    numbers.sort((one, other) => one.timestamp - other.timestamp)
    const states = state === undefined ? [] : estimates(state, numbers)
    state = states.at(-1) ?? state
    for (const [index, { timestamp, value }] of numbers.entries()) {
      const known = states[index]
      points.push({ ms: timestamp, value, buffer: number, waiting: true, estimate: known?.estimate ?? NaN, variance: known?.variance ?? NaN })
    }
  }
  return { points, withoutNumber }
}
