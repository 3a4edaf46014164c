/**
 * How long a service takes to be back: a log whose process was killed with measurements in buffers is opened and
 * rebuilt, process start not counted. The raw program passes CRC32C over the same files and does nothing else.
 */
import { join } from 'node:path'
import { openReplayService } from '../../dist/esm/index.js'

const START_MS = 1_700_000_000_000

export const title = 'recover: open the log of a killed service and rebuild its buffers'
export const figure = { key: 'milliseconds', unit: 'ms', better: 'lower' }
export const columns = ['logMs', 'buffersMs', 'scannedBytesPerSecond']
export const variants = [
  { name: 'recover-10k', entries: 10_000, users: 500, filledEachRound: true, atEntries: 10_000, limitMs: 50 },
  { name: 'recover-10m', entries: 10_000_000, users: 100_000, atEntries: 10_000_000, limitMs: 5000 }
]
/** All competitors read the files that ingest-wal left. */
export const sharedFiles = 'ingest-wal'
/** The process that fills the log is killed, not ended. */
export const endsKilled = true

export async function prepare({ directory, entries, users }) {
  const { buffer, wal } = await openService(directory)
  const userIds = Array.from({ length: users }, (_, i) => `user-${i}`)
  for (let i = 0; i < entries; i++) {
    buffer.add(userIds[i % users], { timestamp: START_MS + i, value: 60 + (i % 40) })
    if (!wal.hasRoom(10, 10_000)) await wal.drained()
  }
  // Nothing is closed: the next one finds segments that end anywhere and a ring to take over.
  process.kill(process.pid, 'SIGKILL')
}

export async function run({ directory, entries }) {
  return async () => {
    const startedAt = performance.now()
    const service = await openService(directory)
    const milliseconds = performance.now() - startedAt
    const { measurements, durationMs } = service.recovery
    if (measurements !== entries) throw new Error(`${measurements} of ${entries} measurements came back`)
    const { bytes, durationMs: logMs } = service.wal.recovery
    await service.close()
    return { milliseconds, logMs, buffersMs: durationMs, scannedBytesPerSecond: bytes / (logMs / 1000) }
  }
}

export function fromProgram(result) {
  return {
    ...result,
    milliseconds: result.seconds * 1000,
    scannedBytesPerSecond: result.scannedBytes / result.seconds
  }
}

/** Where the raw program finds the files. */
export const rawDirectory = (directory) => join(directory, 'wal')

function openService(directory) {
  return openReplayService({
    config: { wal: { directory: join(directory, 'wal') }, replay: { maxBufferMeasurements: 1_000_000 } },
    processMeasurement: (state) => state,
    initialState: 0
  })
}

export function goals({ of, variant }) {
  const { limitMs, entries, atEntries } = variant
  const measured = of('ingest-wal', 'milliseconds')
  const goal = `at most ${limitMs.toLocaleString('en-US')} ms for ${atEntries.toLocaleString('en-US')} measurements`
  const scan = of('ingest-wal', 'scannedBytesPerSecond') / of('raw', 'scannedBytesPerSecond')
  const isBack = { goal, measured, reached: measured <= limitMs && entries >= atEntries }
  // The small log is too small to tell: most of its files is room that was reserved.
  if (atEntries < 1_000_000) return [isBack]
  return [
    isBack,
    { goal: 'log scanned at least 0.8 x as fast as the bare CRC32C pass', measured: scan, reached: scan >= 0.8 }
  ]
}
