/**
 * Proves that `verify` and `stats` tell the whole log: checkpoints (base, backup, superseded, damaged), compressed segments, what is
 * covered, what is archived; that a single checkpoint or compressed file can be verified; and that the loss report keeps its shape.
 */
import { cpSync } from 'node:fs'
import { join } from 'node:path'
import { beforeAll, describe, expect, it } from 'vitest'
import { stats } from '../../lib/cli/stats.js'
import { verify } from '../../lib/cli/verify.js'
import { scanLog, Wal, type LogScan } from '../../lib/index.js'
import { flipBit, zeroOut } from '../support/damage.js'
import { fingerprint, mixedLog, type MixedLog } from '../support/logs.js'
import { RecordedOutput } from '../support/recorded-output.js'
import { temporaryDirectories } from '../support/temporary-directory.js'

const newDirectory = temporaryDirectories()
const signal = new AbortController().signal

let original: string
let log: MixedLog
let scan: LogScan

beforeAll(async () => {
  original = newDirectory()
  log = await mixedLog(original)
  const wal = await Wal.open({ directory: original, maintenance: false })
  await wal.checkpoint({ label: 'kept' })
  await wal.close()
  scan = await scanLog(original)
})

function copy(): string {
  const directory = newDirectory()
  cpSync(original, directory, { recursive: true })
  return directory
}

interface Answer {
  code: number
  stdout: string
  lines: string[]
}

async function verified(path: string, format: 'table' | 'json' = 'table'): Promise<Answer> {
  const output = new RecordedOutput()
  const code = await verify(path, { format }, { output, signal })
  expect(output.notes).toEqual([])
  return { code, stdout: output.stdout, lines: output.lines() }
}

async function verifiedJson(path: string): Promise<Record<string, unknown>> {
  return JSON.parse((await verified(path, 'json')).stdout) as Record<string, unknown>
}

async function figures(path: string): Promise<{ code: number; json: Record<string, unknown>; rows: Record<string, string> }> {
  const json = new RecordedOutput()
  const table = new RecordedOutput()
  const code = await stats(path, { format: 'json' }, { output: json, signal })
  await stats(path, { format: 'table' }, { output: table, signal })
  const rows = Object.fromEntries(table.lines().map((line) => line.split(/\s{2,}/, 2) as [string, string]))
  return { code, json: JSON.parse(json.stdout) as Record<string, unknown>, rows }
}

describe('verify of a log with everything in it', () => {
  it('has a line for each file, says what it is, and changes nothing', async () => {
    const before = fingerprint(original)
    const { code, stdout } = await verified(original)
    expect(code).toBe(0)
    for (const file of log.compressed) expect(stdout).toMatch(new RegExp(`^${file} +compressed, covered +[\\d,]+ +\\d+-\\d+ +\\d+ +[\\d,]+ +ok$`, 'm'))
    for (const file of log.plain) expect(stdout).toMatch(new RegExp(`^${file} +sealed, covered .* ok$`, 'm'))
    const states = [...stdout.matchAll(/^(\d{16})\.ckpt +(\w+) +[\d,]+ +LSN 1-\d+, segments 1-\d+ .* ok$/gm)].map(([, number, state]) => [Number(number), state])
    expect(states).toEqual([[1, 'superseded'], [2, 'superseded'], [3, 'backup'], [4, 'base']])
    expect(stdout).toMatch(/^archive\/kept\.ckpt +checkpoint +[\d,]+ +\d+ +[\d,]+ +ok$/m)
    expect(stdout).toMatch(new RegExp(`^clean: ${scan.segments.length} segments, 4 checkpoints, `, 'm'))
    expect(fingerprint(original)).toEqual(before)
  })

  it('tells a damaged backup: no entry lost, exit 1', async () => {
    const directory = copy()
    flipBit(join(directory, '0000000000000003.ckpt'), 8192 + 60)
    const { code, stdout } = await verified(directory)
    expect(code).toBe(1)
    expect(stdout).toMatch(/^0000000000000003\.ckpt +damaged .* damaged in 1 place$/m)
    expect(stdout).toMatch(/^corruption: checkpoint in 0000000000000003\.ckpt, bytes \d+-\d+: no entry lost/m)
    expect(stdout).toMatch(/^corrupt: .* 0 entries lost$/m)
  })

  it('tells a damaged base, and which one takes its place', async () => {
    const directory = copy()
    zeroOut(join(directory, '0000000000000004.ckpt'), 8192 + 60, 64)
    const { code, stdout } = await verified(directory)
    expect(code).toBe(1)
    expect(stdout).toMatch(/^0000000000000004\.ckpt +damaged /m)
    expect(stdout).toMatch(/^0000000000000003\.ckpt +base /m)
    expect(stdout).toContain('recovery begins with checkpoint 3')
  })

  it('tells damage of what is archived, which costs the log nothing: exit 1', async () => {
    const directory = copy()
    flipBit(join(directory, 'archive', 'kept.ckpt'), 8192 + 60)
    const { code, stdout } = await verified(directory)
    expect(code).toBe(1)
    expect(stdout).toMatch(/^archive\/kept\.ckpt +checkpoint .* damaged in 1 place$/m)
    expect(stdout).toMatch(/^corruption, archived: checkpoint in archive\/kept\.ckpt/m)
    expect(await verifiedJson(directory)).toMatchObject({ verdict: 'corrupt', damage: [], lost: { entries: 0 } })
  })

  it('tells a damaged block of a compressed segment that was made good', async () => {
    const directory = copy()
    const file = log.compressed.at(-1) as string
    flipBit(join(directory, file), 1000)
    const { code, stdout } = await verified(directory)
    expect(code).toBe(1)
    expect(stdout).toMatch(new RegExp(`^corruption: compressed_block in ${file}, bytes \\d+-\\d+: no entry lost`, 'm'))
  })
})

describe('verify of one file', () => {
  it('a checkpoint: what it covers and holds', async () => {
    const { code, stdout } = await verified(join(original, log.base))
    expect(code).toBe(0)
    expect(stdout).toMatch(new RegExp(`^${log.base} .* ok$`, 'm'))
    expect(stdout).toMatch(new RegExp(`^clean: 1 checkpoint, ${log.inBase.length} entries, `, 'm'))
    expect((await verified(join(original, 'archive', 'kept.ckpt'))).code).toBe(0)
  })

  it('a damaged checkpoint: which entries may be lost with it, exit 1', async () => {
    const directory = copy()
    const file = join(directory, log.base)
    flipBit(file, 8192 + 60)
    const { code, stdout } = await verified(file)
    expect(code).toBe(1)
    expect(stdout).toMatch(new RegExp(`^corruption: checkpoint in ${log.base}, bytes \\d+-\\d+: `, 'm'))
  })

  it('a compressed segment, whole and damaged', async () => {
    const directory = copy()
    const file = log.compressed.at(-1) as string
    const whole = await verified(join(directory, file))
    expect(whole.code).toBe(0)
    expect(whole.stdout).toMatch(new RegExp(`^${file} +compressed +[\\d,]+ .* ok$`, 'm'))
    flipBit(join(directory, file), 1000)
    expect((await verified(join(directory, file))).code).toBe(1)
  })
})

describe('the report as JSON', () => {
  it('has these keys, and no others', async () => {
    const directory = copy()
    flipBit(join(directory, log.compressed.at(-1) as string), 1000)
    const report = await verifiedJson(directory)
    expect(Object.keys(report)).toEqual([
      ...['path', 'verdict', 'logId', 'formatVersion', 'live', 'entries', 'bytes', 'lastLsn', 'provenLsn'],
      ...['lost', 'damage', 'tornTail', 'ring', 'segments', 'checkpoints', 'archived'],
      ...['earlierLosses', 'unacknowledged', 'acknowledged', 'lossProblems']
    ])
    const keysOfFirst = (name: string): string[] => Object.keys((report[name] as object[])[0] as object)
    expect(Object.keys(report['lost'] as object)).toEqual(['entries', 'lsnRanges', 'users'])
    expect(keysOfFirst('damage').sort()).toEqual(['detail', 'endOffset', 'file', 'firstLsn', 'kind', 'lastLsn', 'offset', 'previousLsn', 'segment', 'users'])
    expect(keysOfFirst('segments').sort()).toEqual(
      ['batches', 'covered', 'endOffset', 'entries', 'file', 'fileBytes', 'firstLsn', 'firstTimestamp', 'lastLsn', 'lastTimestamp', 'number', 'state']
    )
    expect(keysOfFirst('checkpoints').sort()).toEqual(['coveredLsn', 'coveredSegment', 'created', 'entries', 'file', 'fileBytes', 'firstLsn', 'lastLsn', 'number', 'state'])
    expect(keysOfFirst('archived').sort()).toEqual(['bytes', 'coveredLsn', 'damage', 'entries', 'file', 'firstLsn', 'kind', 'lastLsn'])
  })
})

describe('stats', () => {
  it('counts entries once, wherever they are, and says what recovery needs of them', async () => {
    const { code, json, rows } = await figures(original)
    expect(code).toBe(0)
    const base = scan.checkpoints.at(-1)
    expect(json).toMatchObject({
      entries: log.held.length,
      neededEntries: base?.entries,
      firstLsn: log.held[0]?.lsn,
      lastLsn: log.held.at(-1)?.lsn,
      segments: scan.segments.length,
      segmentStates: { sealed: log.plain.length, compressed: log.compressed.length },
      coveredSegments: scan.segments.length,
      checkpoints: [{ state: 'superseded' }, { state: 'superseded' }, { state: 'backup' }, { state: 'base', coveredLsn: log.held.at(-1)?.lsn }],
      archived: [{ file: 'archive/kept.ckpt', kind: 'checkpoint', damagedPlaces: 0 }]
    })
    expect(rows).toMatchObject({
      segments: `${scan.segments.length} (${log.plain.length} sealed, ${log.compressed.length} compressed; ${scan.segments.length} covered by a checkpoint)`,
      checkpoints: expect.stringMatching(/^4 \(superseded 1, superseded 2, backup 3, base 4\); the base covers up to LSN \d+, made 20/) as string,
      archived: expect.stringMatching(/^1 checkpoint, [\d,]+ bytes$/) as string
    })
  })

  it('of one checkpoint file', async () => {
    const { code, json } = await figures(join(original, log.base))
    expect(code).toBe(0)
    expect(json).toMatchObject({ entries: log.inBase.length, firstLsn: log.inBase[0]?.lsn, segments: 0, archived: [] })
  })
})
