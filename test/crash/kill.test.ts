// Proves the first acknowledgement: nothing whose append() or appendMeasurement() returned is lost when the process is
// killed with SIGKILL, at whatever moment, and nothing comes back that was not appended. A child reports each LSN
// through a pipe and is killed; the judge opens what it left. In the second test the child's writer never flushes: the
// ring keeps the entries, not luck.
//   INGEST_WAL_KILLS   how many kills each (40)
//   INGEST_WAL_SEED    repeats a run
import { expect, test } from 'vitest'
import { readLog, scanLog, Wal, type WalOptions } from '../../lib/index.js'
import { contentOf } from './children/content.mjs'
import { printedSeed, seededRandom, sleep, startChild, temporaryDirectory } from './support.js'

const KILLS = Number(process.env['INGEST_WAL_KILLS'] ?? 40)
/** Kills on one log before the next is begun: a log that was killed often is the interesting one, a long one is slow. */
const KILLS_PER_LOG = 8
const LONGEST_LIFE_MS = 60
const HOUR_MS = 3_600_000

type Settings = Omit<WalOptions, 'directory'>

interface Life {
  /** The log's last LSN when the child had it open, -1 when it was killed before. */
  openedAt: number
  /** The last LSN that it reported. */
  reported: number
}

/** Starts the appender and kills it at a random moment: while it opens the log, or at work. */
async function liveAndDie(directory: string, seed: number, mostEntries: number, settings: Settings, random: () => number): Promise<Life> {
  let received = Buffer.alloc(0)
  let begun: () => void = () => undefined
  const beginning = new Promise<void>((resolve) => (begun = resolve))
  const reportsBefore = random() < 0.5 ? 1 : 2
  const args = [directory, String(seed), String(mostEntries), JSON.stringify(settings)]
  const child = startChild('append-and-report.mjs', args, (bytes) => {
    received = Buffer.concat([received, bytes])
    if (received.length >= 8 * reportsBefore) begun()
  })
  await Promise.race([beginning, child.ended])
  await sleep(random() * LONGEST_LIFE_MS)
  child.process.kill('SIGKILL')
  const { signal, stderr } = await child.ended
  expect(stderr).toBe('')
  expect(signal).toBe('SIGKILL')
  const numbers = Math.floor(received.length / 8)
  return {
    openedAt: numbers < 2 ? -1 : received.readDoubleLE(8),
    reported: numbers < 2 ? 0 : received.readDoubleLE(8 * (numbers - 1))
  }
}

/** Every entry from 1 to the last is there once, in order, and says what was appended. Returns the last LSN. */
async function judge(entries: ReturnType<typeof readLog>, seed: number): Promise<number> {
  let last = 0
  for await (const { lsn, operation, userId, payload, sequence } of entries) {
    expect(lsn).toBe(last + 1)
    const expected = contentOf(seed, lsn)
    const equal = Buffer.compare(payload, expected.payload) === 0
    expect({ lsn, operation, userId, sequence, equal }).toEqual({
      lsn,
      operation: expected.operation,
      userId: expected.userId,
      sequence: expected.sequence,
      equal: true
    })
    last = lsn
  }
  return last
}

/** At most one entry was appended and not yet reported. */
function expectKept(last: number, reported: number, before: number): void {
  expect(last).toBeGreaterThanOrEqual(reported)
  expect(last).toBeLessThanOrEqual(Math.max(reported, before) + 1)
}

test(`killed ${KILLS} times while it writes: what append returned is there, and nothing else`, { timeout: HOUR_MS }, async () => {
  const seed = printedSeed('kill')
  const random = seededRandom(seed)
  let total = 0
  for (let kill = 0; kill < KILLS; kill += KILLS_PER_LOG) {
    const directory = temporaryDirectory()
    // Small segments and batches: the kills fall into rotations, too.
    const settings = { segmentBytes: 1 << 18, batchIntervalMs: 1 + Math.floor(random() * 20), batchBytes: 4096 }
    let reported = 0
    const rounds = Math.min(KILLS_PER_LOG, KILLS - kill)
    for (let round = 1; round <= rounds; round++) {
      const before = reported
      const life = await liveAndDie(directory, seed, Infinity, settings, random)
      reported = Math.max(reported, life.reported)
      if (life.openedAt >= 0) expectKept(life.openedAt, before, before)
      // Now and then nobody looks in between: the next child finds the log as the killed one left it.
      if (round < rounds && random() < 0.5) continue
      // Before its first entry a process may be killed before there is a log.
      if (reported > 0) expectKept(await judge(readLog(directory), seed), reported, before)
      const wal = await Wal.open({ directory, ...settings })
      expectKept(wal.lastLsn, reported, before)
      expect(await judge(wal.entries(), seed)).toBe(wal.lastLsn)
      expect(wal.recovery.damage).toEqual([])
      reported = wal.lastLsn
      await wal.close()
    }
    total += reported
  }
  process.stderr.write(`kill: ${total} entries were reported and kept\n`)
  expect(total).toBeGreaterThan(KILLS)
})

test(`killed ${KILLS} times before anything was flushed: the ring alone keeps every entry`, { timeout: HOUR_MS }, async () => {
  const seed = printedSeed('kill, no flush')
  const random = seededRandom(seed)
  // Nothing makes a batch due: not the time, not the bytes, and nobody waits.
  const settings = { segmentBytes: 1 << 20, batchIntervalMs: HOUR_MS, batchBytes: 1 << 26, queueBytes: 1 << 27 }
  let staged = 0
  for (let kill = 0; kill < KILLS; kill += KILLS_PER_LOG) {
    const directory = temporaryDirectory()
    let reported = 0
    for (let round = 0; round < Math.min(KILLS_PER_LOG, KILLS - kill); round++) {
      const before = reported
      const life = await liveAndDie(directory, seed, 20_000, settings, random)
      reported = Math.max(reported, life.reported)
      if (life.openedAt >= 0) {
        const found = await scanLog(directory)
        const onDisk = Math.max(0, ...found.segments.map((segment) => segment.lastLsn))
        expect(onDisk).toBeLessThanOrEqual(life.openedAt)
        if (reported > life.openedAt) expect(found.ring.lastLsn).toBeGreaterThanOrEqual(reported)
      }
      const wal = await Wal.open({ directory, ...settings })
      expectKept(wal.lastLsn, reported, before)
      expect(await judge(wal.entries(), seed)).toBe(wal.lastLsn)
      expect(wal.recovery.damage).toEqual([])
      if (life.openedAt >= 0) {
        expect(wal.recovery.carriedEntries).toBe(wal.lastLsn - life.openedAt)
        staged += wal.recovery.carriedEntries
      }
      reported = wal.lastLsn
      await wal.close()
    }
  }
  process.stderr.write(`kill, no flush: ${staged} entries were in the ring only, and kept\n`)
  expect(staged).toBeGreaterThan(KILLS)
})
