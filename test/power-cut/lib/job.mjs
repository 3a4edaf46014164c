// The job that is cut: measurements of a few users, dealt out in turn. Number g of all goes to user g % USERS and says how many
// this user had before, so what is there tells by itself whether it is a prefix. Workload and judge share nothing else.
import { openReplayService } from '../../../dist/esm/index.js'

export const USERS = 8
/** Their buffers are never replayed: checkpoints have to carry them along. */
const KEEPERS = 3
const READY_AT = 25
const BEGUN_MS = 1_700_000_000_000

export const userOf = (number) => number % USERS
export const nameOf = (user) => (user < KEEPERS ? `keeper-${user}` : `worker-${user}`)

/** Measurement `index` (from 1) of a user: mostly numbers alone, now and then with more. */
export function measurementOf(user, index) {
  const measurement = { timestamp: BEGUN_MS + index * 1000, value: index }
  return (user + index) % 5 === 0 ? { ...measurement, note: String.fromCharCode(97 + (index % 26)).repeat((index * 37) % 700) } : measurement
}

export function openJob(directory, wal) {
  return openReplayService({
    config: {
      wal: { directory, segmentBytes: 1 << 16, queueBytes: 1 << 18, batchIntervalMs: 5, ...wal },
      replay: { maxBufferMeasurements: 100_000, bufferHours: 8760 }
    },
    processMeasurement: ({ count, sum }, { value }) => ({ count: count + 1, sum: sum + value }),
    initialState: { count: 0, sum: 0 }
  })
}

/** Adds measurement number `number`; replays the user's buffer when it has come far enough. */
export async function addTo(service, number, counts) {
  const user = userOf(number)
  const name = nameOf(user)
  counts[user]++
  while (!service.wal.hasRoom(4, 4000)) await service.wal.drained()
  const { size } = service.buffer.add(name, measurementOf(user, counts[user]))
  if (user >= KEEPERS && size >= READY_AT) await service.manager.replay(name)
}

/**
 * How many measurements each user has, in the state and in the buffer. Throws when they are not the first of that user, each
 * once and unchanged.
 */
export async function countsOf(service) {
  const counts = []
  for (let user = 0; user < USERS; user++) {
    const { count, sum } = await service.manager.state(nameOf(user))
    if (sum !== (count * (count + 1)) / 2) throw new Error(`${nameOf(user)}: state of ${count} measurements, sum ${sum}`)
    if (user < KEEPERS && count > 0) throw new Error(`${nameOf(user)} was replayed`)
    const waiting = service.buffer.measurements(nameOf(user))
    for (const [index, measurement] of waiting.entries()) {
      const expected = measurementOf(user, count + index + 1)
      const same = Object.keys(measurement).length === Object.keys(expected).length &&
        Object.keys(expected).every((key) => measurement[key] === expected[key])
      if (!same) throw new Error(`${nameOf(user)}: measurement ${count + index + 1} is ${JSON.stringify(measurement).slice(0, 100)}`)
    }
    counts.push(count + waiting.length)
  }
  return counts
}

/** How many of all measurements there are. Throws when they are no prefix of the order in which they were added. */
export function totalOf(counts) {
  const total = counts.reduce((sum, count) => sum + count, 0)
  for (let user = 0; user < USERS; user++) {
    const expected = Math.ceil((total - user) / USERS)
    if (counts[user] !== expected) throw new Error(`no prefix: ${nameOf(user)} has ${counts[user]} of ${expected} when there are ${total}`)
  }
  return total
}
