/**
 * Proves what `stats --watch` shows of each state of a log and of its writer, that no line is wider or screen higher than there
 * is room for, whatever is painted, and that nothing from outside reaches the terminal as it is.
 */
import { describe, expect, it } from 'vitest'
import { screenLines, type ScreenView } from '../../lib/cli/watch-screen.js'
import type { WatchSample } from '../../lib/cli/watch-sample.js'

const TIME = Date.UTC(2026, 10, 28, 17, 3, 12)
const WRITER: NonNullable<WatchSample['writer']> = {
  begun: TIME - 7_980_000,
  state: 'ok',
  stagedLsn: 12_345_678,
  durableLsn: 12_345_600,
  ringBytes: 2_000_000,
  ringCapacityBytes: 16_777_216,
  syncs: 81_234,
  fsyncP50Seconds: 0.001_23,
  fsyncP99Seconds: 0.0123
}
const SINCE: NonNullable<WatchSample['sinceLastLook']> = {
  seconds: 2,
  appends: 246_912,
  writtenBytes: 19_600_000,
  syncs: 24,
  fsyncP50Seconds: 0.0011,
  fsyncP99Seconds: 0.0041,
  batchEntriesP50: 9876.4
}
const SAMPLE: WatchSample = {
  time: TIME,
  problem: null,
  live: true,
  writer: WRITER,
  sinceLastLook: SINCE,
  segments: { all: 12, active: 1, compressed: 8 },
  checkpoints: 2,
  checkpoint: { number: 3, coveredLsn: 12_000_000, ageSeconds: 312 },
  disk: { sizeBytes: 1.2e9, freeBytes: 80.1e9, ageSeconds: 3 },
  buffers: { open: 120, ready: 3, replaying: 1, parked: 2, measurements: 4567, damagedPlaces: 0, tookSeconds: 0.4, ageSeconds: 12 }
}

function screen(looks: readonly WatchSample[], view: Partial<ScreenView> = {}): string[] {
  return screenLines(looks, { directory: 'data/wal', columns: 80, rows: 30, style: (_, text) => text, help: 'q quits', ...view })
}

/** `count` looks with appends that rise. */
function rising(count: number): WatchSample[] {
  return Array.from({ length: count }, (_, index) => ({ ...SAMPLE, sinceLastLook: { ...SINCE, appends: index + 1 } }))
}

describe('of a log that is written to', () => {
  it('everything, at 80 columns', () => {
    expect(screen([SAMPLE])).toEqual([
      'data/wal                                                            17:03:12 UTC',
      'running, for 2 h 13 m',
      '',
      'staged      LSN 12,345,678',
      'durable     LSN 12,345,600                    78 behind',
      'checkpoint  LSN 12,000,000                    5 m 12 s old, 2 kept',
      'ring        ███░░░░░░░░░░░░░░░░░  12 % of 16.8 MB',
      '',
      'appends     123,456 /s                        █',
      'written     9.80 MB/s                         █',
      'syncs       12 /s, p50 9,876 a batch          █',
      'fsync       p50 1.10 ms, p99 4.10 ms          █',
      '            p50 1.23 ms, p99 12.3 ms of all 81,234',
      '',
      'segments    12: 1 active, 3 sealed, 8 compressed',
      'disk        1.20 GB, 80.1 GB free (3 s ago)',
      'buffers     120 open, 3 ready, 1 unfinished replay, 2 parked (12 s ago)',
      'waiting     4,567 measurements',
      '',
      'q quits'
    ])
  })

  it('without rates at the first look, without what is not looked at yet', () => {
    const lines = screen([{ ...SAMPLE, sinceLastLook: null, disk: null, buffers: null, checkpoint: null, checkpoints: 0 }])
    expect(lines).toContain('checkpoint  none')
    expect(lines).toContain('appends     -')
    expect(lines).toContain('fsync       -')
    expect(lines).toContain('disk        being looked at')
    expect(lines).toContain('buffers     being looked at')
  })

  it('a look without a sync: no time, and a gap in the bars', () => {
    const idle = { ...SAMPLE, sinceLastLook: { ...SINCE, syncs: 0, fsyncP50Seconds: null, fsyncP99Seconds: null, batchEntriesP50: null } }
    const lines = screen([SAMPLE, idle, SAMPLE, idle])
    expect(lines).toContain('fsync       none                              █ █')
    expect(lines).toContain('syncs       0 /s                              █▁█▁')
  })

  it('before the first sync', () => {
    const writer = { ...WRITER, syncs: 0, fsyncP50Seconds: null, fsyncP99Seconds: null }
    expect(screen([{ ...SAMPLE, writer }])).toContain('            none since the writer began')
  })

  it.each([
    [0, '░░░░░░░░░░░░░░░░░░░░  0 % of 16.8 MB'],
    [100, '█░░░░░░░░░░░░░░░░░░░  <1 % of 16.8 MB'],
    [16_777_216, '████████████████████  100 % of 16.8 MB']
  ])('a ring of which %d bytes are full', (ringBytes, text) => {
    expect(screen([{ ...SAMPLE, writer: { ...WRITER, ringBytes } }])).toContain(`ring        ${text}`)
  })
})

describe('at any width', () => {
  it.each([60, 80, 120])('%i columns: no line is wider, the newest bar is the last', (columns) => {
    const looks = rising(300)
    const lines = screen(looks, { columns })
    for (const line of lines) expect(line.length).toBeLessThanOrEqual(columns)
    const appends = lines.find((line) => line.startsWith('appends')) as string
    expect(appends).toHaveLength(columns)
    expect(appends.at(-1)).toBe('█')
    expect(lines[0]).toMatch(/17:03:12 UTC$/)
  })

  it('what does not fit is cut, and says so', () => {
    expect(screen([SAMPLE], { columns: 64 })).toContain('buffers     120 open, 3 ready, 1 unfinished replay, 2 parked (1…')
  })

  it('down to nothing', () => {
    for (let columns = 0; columns <= 60; columns++) {
      for (const line of screen(rising(5), { columns })) expect(line.length).toBeLessThanOrEqual(columns)
    }
  })

  it('what paints takes no column', () => {
    const painted = screen(rising(100), { columns: 60, style: (style, text) => `<${style}>${text}</>` })
    expect(painted.map((line) => line.replace(/<[^>]*>/g, '').trimEnd())).toEqual(screen(rising(100), { columns: 60 }))
    expect(painted.join('')).toContain('<green>running</>')
  })

  it('no more lines than there are rows, the keys among them', () => {
    for (let rows = 1; rows <= 30; rows++) {
      const lines = screen([SAMPLE], { rows })
      expect(lines.length).toBeLessThanOrEqual(rows)
      expect(lines[0]).toContain('data/wal')
      if (rows >= 3) expect(lines.at(-1)).toBe('q quits')
    }
  })
})

describe('of a log that is not', () => {
  it('closed', () => {
    const lines = screen([{ ...SAMPLE, live: false, writer: null, segments: { all: 12, active: 0, compressed: 8 } }])
    expect(lines[1]).toBe('no writer: the log is closed')
    expect(lines).toContain('segments    12: 4 not compressed, 8 compressed')
    expect(lines.filter((line) => /^(staged|durable|ring|appends|fsync)/.test(line))).toEqual([])
  })

  it('left by a writer that has died', () => {
    expect(screen([{ ...SAMPLE, live: false }])[1]).toBe('no writer: it left 78 entries in the staging ring for the next start')
  })

  it('written to by somebody whose ring cannot be seen', () => {
    expect(screen([{ ...SAMPLE, writer: null }])[1]).toBe('running, its figures cannot be seen (heap, or another user)')
  })

  it('not to be looked at', () => {
    expect(screen([SAMPLE, { ...SAMPLE, problem: 'no such\u001b[31m thing' }])[1]).toBe('cannot be looked at: no such\\u001b[31m thing')
  })

  it('damaged', () => {
    const buffers = { ...(SAMPLE.buffers as NonNullable<WatchSample['buffers']>), damagedPlaces: 2 }
    expect(screen([{ ...SAMPLE, buffers }])).toContain('damage      2 places; ingest-wal verify tells where')
  })
})

describe('what has changed is told with its time', () => {
  const gone: WatchSample = { ...SAMPLE, live: false, time: TIME + 1000 }
  it.each<[string, WatchSample, WatchSample, string]>([
    ['a death', SAMPLE, gone, '17:03:13  the writer has died'],
    ['a close', SAMPLE, { ...gone, writer: null }, '17:03:13  the writer has closed the log'],
    ['a start', gone, SAMPLE, '17:03:12  a writer has come'],
    ['a restart between two looks', SAMPLE, { ...SAMPLE, writer: { ...WRITER, begun: TIME } }, '17:03:12  another writer has come'],
    ['a full disk', SAMPLE, { ...SAMPLE, writer: { ...WRITER, state: 'degraded' } }, '17:03:12  the log is degraded'],
    ['room again', { ...SAMPLE, writer: { ...WRITER, state: 'degraded' } }, SAMPLE, '17:03:12  the log has resumed'],
    ['a problem', SAMPLE, { ...SAMPLE, problem: 'gone' }, '17:03:12  the log cannot be looked at'],
    ['its end', { ...SAMPLE, problem: 'gone' }, SAMPLE, '17:03:12  the log can be looked at again']
  ])('%s', (_, before, now, text) => {
    const lines = screen([before, now])
    expect(lines).toContain(text)
    // Later, too.
    expect(screen([before, now, now, now])).toContain(text)
    expect(screen([now, now])).not.toContain(text)
  })

  it('the last three', () => {
    const lines = screen([SAMPLE, gone, SAMPLE, gone, SAMPLE, { ...gone, writer: null }])
    expect(lines.filter((line) => /^17:/.test(line)).map((line) => line.slice(10))).toEqual([
      'the writer has died',
      'a writer has come',
      'the writer has closed the log'
    ])
  })
})

describe('the directory', () => {
  it('is escaped', () => {
    expect(screen([SAMPLE], { directory: 'a\u001b]0;title\u0007\n/b' })[0]).toMatch(/^a\\u001b\]0;title\\u0007\\n\/b {3}/)
  })

  it('keeps its end when it is too long', () => {
    const [line = ''] = screen([SAMPLE], { directory: `/srv/${'x'.repeat(100)}/orders/wal`, columns: 60 })
    expect(line).toMatch(/^…x+\/orders\/wal {2}17:03:12 UTC$/)
    expect(line).toHaveLength(60)
  })
})

it('nothing was looked at yet', () => expect(screen([])).toEqual([]))
