/**
 * Proves that the looks of `stats --watch` tell what a writer in another process does, what has come since the look before,
 * and nothing across two writers; and that looks which cost something rest in between, however long they take.
 */
import { describe, expect, it } from 'vitest'
import type { LogFigures, WriterFigures } from '../../lib/index.js'
import { histogramSince, looksAt, WatchSampler, type Looks, type WatchSample } from '../../lib/cli/watch-sample.js'
import { temporaryDirectories } from '../support/temporary-directory.js'
import { startWriter } from './support.js'

const newDirectory = temporaryDirectories()

const EMPTY = { bounds: [1, 2], counts: [0, 0, 0], sum: 0, count: 0 }
const WRITER: WriterFigures = {
  begun: 1000,
  state: 'ok',
  lastLsn: 100,
  durableLsn: 90,
  queueBytes: 10,
  queueCapacityBytes: 1000,
  batches: 5,
  syncs: 5,
  writtenBytes: 5000,
  rotations: 0,
  segment: 1,
  segmentOffset: 9000,
  fsyncDuration: { bounds: [1, 2], counts: [4, 1, 0], sum: 5, count: 5 },
  flushDuration: EMPTY,
  batchEntries: EMPTY,
  batchBytes: EMPTY
}
const FIGURES: LogFigures = { logId: '1', live: true, segments: 3, compressedSegments: 1, checkpoints: 0, checkpoint: null, writer: WRITER }

/** Looks that a test decides, and a clock that it moves. */
class Stage implements Looks {
  figuresNow: LogFigures | Error = FIGURES
  atMs = 0
  diskLooks = 0
  bufferLooks = 0
  /** How long a look at buffers takes. */
  buffersTakeMs = 0
  fails = false
  aborted = false

  figures(): Promise<LogFigures> {
    return this.figuresNow instanceof Error ? Promise.reject(this.figuresNow) : Promise.resolve(this.figuresNow)
  }

  disk(): Promise<{ sizeBytes: number; freeBytes: number }> {
    return this.fails ? Promise.reject(new Error('gone')) : Promise.resolve({ sizeBytes: ++this.diskLooks, freeBytes: 7 })
  }

  buffers(signal: AbortSignal): ReturnType<Looks['buffers']> {
    this.bufferLooks++
    this.atMs += this.buffersTakeMs
    signal.addEventListener('abort', () => (this.aborted = true))
    return Promise.resolve({ open: this.bufferLooks, ready: 0, replaying: 0, parked: 0, measurements: 0, damagedPlaces: 0 })
  }

  nowMs(): number {
    return 1_000_000 + this.atMs
  }

  monotonicMs(): number {
    return this.atMs
  }
}

async function lookAfter(stage: Stage, sampler: WatchSampler, milliseconds: number): Promise<WatchSample> {
  stage.atMs += milliseconds
  const sample = await sampler.look()
  // What is asked for in the background has a turn.
  await new Promise((resolve) => setImmediate(resolve))
  return sample
}

describe('what has come since the look before', () => {
  async function second(writer: Partial<WriterFigures>): Promise<WatchSample['sinceLastLook']> {
    const stage = new Stage()
    const sampler = new WatchSampler(stage)
    expect((await lookAfter(stage, sampler, 0)).sinceLastLook).toBe(null)
    stage.figuresNow = { ...FIGURES, writer: { ...WRITER, ...writer } }
    return (await lookAfter(stage, sampler, 2000)).sinceLastLook
  }

  it('are differences', async () => {
    const fsyncDuration = { bounds: [1, 2], counts: [4, 11, 0], sum: 25, count: 15 }
    expect(await second({ lastLsn: 300, writtenBytes: 8000, syncs: 15, fsyncDuration })).toEqual({
      seconds: 2,
      appends: 200,
      writtenBytes: 3000,
      syncs: 10,
      // All ten between 1 and 2.
      fsyncP50Seconds: 1.5,
      fsyncP99Seconds: 1.99,
      batchEntriesP50: null
    })
  })

  it('nothing across two writers', async () => expect(await second({ begun: 2000, lastLsn: 1 })).toBe(null))

  it('never less than nothing, whatever another process stores', async () => {
    expect(await second({ lastLsn: 1, writtenBytes: 0, syncs: 0, fsyncDuration: EMPTY })).toMatchObject({
      appends: 0,
      writtenBytes: 0,
      syncs: 0,
      fsyncP50Seconds: null
    })
  })

  it('of histograms, bucket by bucket', () => {
    const before = { bounds: [1, 2], counts: [1, 2, 3], sum: 10, count: 6 }
    const now = { bounds: [1, 2], counts: [1, 5, 4], sum: 17, count: 10 }
    expect(histogramSince(now, before)).toEqual({ bounds: [1, 2], counts: [0, 3, 1], sum: 7, count: 4 })
  })
})

describe('a log that cannot be looked at', () => {
  it('the first time, is an error', async () => {
    const stage = new Stage()
    stage.figuresNow = new Error('no log')
    await expect(new WatchSampler(stage).look()).rejects.toThrow('no log')
  })

  it('later, is told beside what was seen last, and gone on with', async () => {
    const stage = new Stage()
    const sampler = new WatchSampler(stage)
    const first = await lookAfter(stage, sampler, 0)
    stage.figuresNow = new Error('away')
    expect(await lookAfter(stage, sampler, 1000)).toMatchObject({ problem: 'away', sinceLastLook: null, writer: first.writer })
    stage.figuresNow = { ...FIGURES, writer: { ...WRITER, lastLsn: 130 } }
    expect(await lookAfter(stage, sampler, 2000)).toMatchObject({ problem: null, sinceLastLook: { seconds: 3, appends: 30 } })
  })
})

describe('looks that cost something', () => {
  it('are not waited for, and rest', async () => {
    const stage = new Stage()
    const sampler = new WatchSampler(stage)
    expect(await lookAfter(stage, sampler, 0)).toMatchObject({ disk: null, buffers: null })
    for (let second = 1; second <= 9; second++) await lookAfter(stage, sampler, 1000)
    expect({ disk: stage.diskLooks, buffers: stage.bufferLooks }).toEqual({ disk: 2, buffers: 1 })
    expect((await lookAfter(stage, sampler, 500)).buffers).toMatchObject({ open: 1, ageSeconds: 9.5, tookSeconds: 0 })
    await lookAfter(stage, sampler, 500)
    expect(stage.bufferLooks).toBe(2)
  })

  it('take a twentieth of a core at most', async () => {
    const stage = new Stage()
    stage.buffersTakeMs = 2000
    const sampler = new WatchSampler(stage)
    for (let second = 0; second < 37; second++) await lookAfter(stage, sampler, 1000)
    expect(stage.bufferLooks).toBe(1)
    await lookAfter(stage, sampler, 1000)
    await lookAfter(stage, sampler, 1000)
    expect(stage.bufferLooks).toBe(2)
  })

  it('that fail leave the last answer, which gets older', async () => {
    const stage = new Stage()
    const sampler = new WatchSampler(stage)
    await lookAfter(stage, sampler, 0)
    await lookAfter(stage, sampler, 1000)
    stage.fails = true
    for (let look = 0; look < 5; look++) await lookAfter(stage, sampler, 6000)
    expect((await lookAfter(stage, sampler, 0)).disk).toEqual({ sizeBytes: 1, freeBytes: 7, ageSeconds: 31 })
  })

  it('are called off at the end', async () => {
    const stage = new Stage()
    const sampler = new WatchSampler(stage)
    await lookAfter(stage, sampler, 0)
    await sampler.close()
    expect(stage.aborted).toBe(true)
  })
})

describe('of a writer in another process', () => {
  it('tell what it does, that it is killed, and that another one goes on', async () => {
    const directory = newDirectory()
    const writer = await startWriter(directory)
    const sampler = new WatchSampler(looksAt(directory))
    const fresh = () => sampler.look()
    expect(await fresh()).toMatchObject({ live: true, sinceLastLook: null, segments: { all: 1, active: 1, compressed: 0 }, checkpoint: null })

    await writer.tell('measure 30')
    const staged = await fresh()
    expect(staged.writer?.stagedLsn).toBeGreaterThanOrEqual(30)
    expect(staged.writer).toMatchObject({ state: 'ok', durableLsn: 0, syncs: 0 })
    expect(staged.writer?.ringBytes).toBeGreaterThan(30 * 56)
    expect(staged.sinceLastLook?.appends).toBe(staged.writer?.stagedLsn)

    await writer.tell('flush')
    const flushed = await fresh()
    expect(flushed.writer).toMatchObject({ durableLsn: staged.writer?.stagedLsn, ringBytes: 0, syncs: 1 })
    expect(flushed.sinceLastLook).toMatchObject({ appends: 0, syncs: 1 })
    expect(flushed.sinceLastLook?.writtenBytes).toBeGreaterThan(0)
    expect(flushed.sinceLastLook?.fsyncP50Seconds).toBeGreaterThan(0)

    await writer.tell('checkpoint')
    expect((await fresh()).checkpoint).toMatchObject({ number: 1, coveredLsn: flushed.writer?.durableLsn })

    await writer.kill()
    expect(await fresh()).toMatchObject({ live: false, writer: { begun: flushed.writer?.begun } })
    const next = await startWriter(directory)
    expect(await fresh()).toMatchObject({ live: true, sinceLastLook: null })
    await next.tell('close')
    expect(await fresh()).toMatchObject({ live: false, writer: null })
    await sampler.close()
  })

  it('count the buffers that wait, and the disk', async () => {
    const directory = newDirectory()
    const writer = await startWriter(directory)
    // Seven users with 14 each, of which a buffer takes ten.
    await writer.tell('measure 98')
    const sampler = new WatchSampler(looksAt(directory))
    let sample = await sampler.look()
    while (sample.buffers === null || sample.disk === null) {
      await new Promise((resolve) => setTimeout(resolve, 5))
      sample = await sampler.look()
    }
    expect(sample.buffers).toMatchObject({ open: 7, ready: 7, replaying: 0, parked: 0, measurements: 98, damagedPlaces: 0 })
    expect(sample.disk.sizeBytes).toBeGreaterThan(0)
    expect(sample.disk.freeBytes).toBeGreaterThan(0)
    await sampler.close()
    await writer.tell('close')
  })
})
