/**
 * Proves what `inspect` shows: each entry on one line in each format, the filters, damage passed over and told, and a
 * live log followed across rotations, entry by entry, without a gap.
 */
import { copyFileSync, cpSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { Operation, Wal } from '../../lib/index.js'
import { runCli, startCli } from '../support/command-line.js'
import { flipBit } from '../support/damage.js'
import { closedLog, Recorder, segmentFiles, unclosedLog, type Fill } from '../support/logs.js'
import { temporaryDirectories } from '../support/temporary-directory.js'

const newDirectory = temporaryDirectories()

interface ShownEntry {
  lsn: number
  timestamp: number
  operation: string
  user: string
  sequence: number
  segment: number
  offset: number
  payload: string
  encoding: string
}

const oneOfEach: Fill = async (recorder, wal) => {
  recorder.append(Operation.START_BUFFER, 'ann', '{"hours":72}', 1)
  recorder.append(Operation.ADD_MEASUREMENT, 'ann', '{"value":1}', 2)
  recorder.append(Operation.ADD_MEASUREMENT, 'bob', '{"value":2}', 1)
  recorder.append(Operation.END_BUFFER, 'ann', '', 3)
  await wal.durable()
  recorder.append(Operation.CHECKPOINT, 'ann', '{}', 4)
  recorder.append(Operation.COMMIT, 'ann', '{}', 5)
  recorder.append(Operation.ROLLBACK, 'bob', '{}', 2)
}

async function inspectJsonl(directory: string, ...options: string[]): Promise<ShownEntry[]> {
  const { code, stdout } = await runCli(['inspect', directory, '--format', 'jsonl', ...options])
  expect(code).toBe(0)
  return stdout.split('\n').slice(0, -1).map((line) => JSON.parse(line) as ShownEntry)
}

describe('formats', () => {
  it('jsonl: an entry a line, with all that the log holds of it', async () => {
    const directory = newDirectory()
    await closedLog(directory, oneOfEach)
    const shown = await inspectJsonl(directory)
    expect(shown.map(({ lsn, operation, user, sequence, payload }) => [lsn, operation, user, sequence, payload])).toEqual([
      [1, 'START_BUFFER', 'ann', 1, '{"hours":72}'],
      [2, 'ADD_MEASUREMENT', 'ann', 2, '{"value":1}'],
      [3, 'ADD_MEASUREMENT', 'bob', 1, '{"value":2}'],
      [4, 'END_BUFFER', 'ann', 3, ''],
      [5, 'CHECKPOINT', 'ann', 4, '{}'],
      [6, 'COMMIT', 'ann', 5, '{}'],
      [7, 'ROLLBACK', 'bob', 2, '{}']
    ])
    for (const { segment, offset, timestamp, encoding } of shown) {
      expect({ segment, encoding }).toEqual({ segment: 1, encoding: 'utf8' })
      expect(offset % 8).toBe(0)
      expect(Math.abs(Date.now() - timestamp)).toBeLessThan(3_600_000)
    }
  })

  it('json: one array of the same objects, an entry a line', async () => {
    const directory = newDirectory()
    await closedLog(directory, oneOfEach)
    const { stdout } = await runCli(['inspect', directory, '--format', 'json'])
    expect(JSON.parse(stdout)).toEqual(await inspectJsonl(directory))
    expect(stdout.split('\n')).toHaveLength(7 + 3)
  })

  it('json: nothing to show is an empty array', async () => {
    const directory = newDirectory()
    await closedLog(directory, oneOfEach)
    const { code, stdout } = await runCli(['inspect', directory, '--user', 'nobody', '--format', 'json'])
    expect({ code, entries: JSON.parse(stdout) as unknown }).toEqual({ code: 0, entries: [] })
  })

  it('csv: a header and a row an entry', async () => {
    const directory = newDirectory()
    await closedLog(directory, (recorder) => {
      recorder.append(Operation.COMMIT, 'ann, "the" first', '{"a":1}', 9)
    })
    const { stdout } = await runCli(['inspect', directory, '--format', 'csv'])
    const [header, row, rest] = stdout.split('\n')
    expect(header).toBe('lsn,timestamp,operation,user,sequence,segment,offset,payload,encoding')
    expect(row).toMatch(/^1,\d{13},COMMIT,"ann, ""the"" first",9,1,8272,"{""a"":1}",utf8$/)
    expect(rest).toBe('')
  })

  it('table: columns under their titles, payloads cut to a width', async () => {
    const directory = newDirectory()
    await closedLog(directory, (recorder) => {
      recorder.append(Operation.ADD_MEASUREMENT, 'a-user-with-a-name-longer-than-its-column', 'x'.repeat(1000))
    })
    const { stdout } = await runCli(['inspect', directory])
    const [title, line] = stdout.split('\n') as [string, string]
    expect(title.trim().split(/\s+/)).toEqual(['LSN', 'TIME', 'OPERATION', 'SEGMENT:OFFSET', 'USER', 'PAYLOAD'])
    expect(line).toContain('a-user-with-a-name-…')
    expect(line.slice(title.indexOf('PAYLOAD'))).toBe(`${'x'.repeat(59)}…`)
  })
})

describe('what users sent reaches no terminal as it is', () => {
  const HOSTILE = 'a\u001b]0;title\u0007\nb\u009b31m\u202e'

  it.each(['table', 'json', 'jsonl', 'csv'])('%s: control characters of user ids and payloads are escaped', async (format) => {
    const directory = newDirectory()
    await closedLog(directory, (recorder) => {
      recorder.append(Operation.ADD_MEASUREMENT, HOSTILE, HOSTILE)
    })
    const { stdout } = await runCli(['inspect', directory, '--format', format])
    expect(stdout).not.toMatch(/[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u202a-\u202e]/)
    expect(stdout).toContain('a\\u001b]0;title\\u0007\\nb')
    if (format.startsWith('json')) {
      const parsed = JSON.parse(stdout) as ShownEntry | [ShownEntry]
      const [entry] = Array.isArray(parsed) ? parsed : [parsed]
      expect({ user: entry.user, payload: entry.payload }).toEqual({ user: HOSTILE, payload: HOSTILE })
    }
  })

  it('payloads that are not UTF-8: base64 in JSON, hexadecimal in the table', async () => {
    const directory = newDirectory()
    const payload = Uint8Array.of(0xff, 0x00, 0x1b, 0x80)
    await closedLog(directory, (recorder) => {
      recorder.append(Operation.ADD_MEASUREMENT, 'u', payload)
    })
    const [entry] = (await inspectJsonl(directory)) as [ShownEntry]
    expect(entry).toMatchObject({ encoding: 'base64', payload: Buffer.from(payload).toString('base64') })
    expect((await runCli(['inspect', directory])).stdout).toContain('0xff001b80')
  })
})

describe('filters', () => {
  it.each([
    { options: ['--user', 'bob'], lsns: [3, 7] },
    { options: ['--op', 'commit,ROLLBACK'], lsns: [6, 7] },
    { options: ['--op', 'COMMIT', '--op', 'start-buffer'], lsns: [1, 6] },
    { options: ['--from-lsn', '6'], lsns: [6, 7] },
    { options: ['--to-lsn', '2'], lsns: [1, 2] },
    { options: ['--from-lsn', '3', '--to-lsn', '5', '--user', 'ann'], lsns: [4, 5] },
    { options: ['--limit', '2', '--user', 'ann', '--op', 'ADD_MEASUREMENT,END_BUFFER,CHECKPOINT'], lsns: [2, 4] },
    { options: ['--since', '1h'], lsns: [1, 2, 3, 4, 5, 6, 7] },
    { options: ['--since', '9000-01-01'], lsns: [] },
    { options: ['--from-lsn', '100'], lsns: [] },
    { options: ['--from-lsn', '5', '--to-lsn', '4'], lsns: [] }
  ])('$options', async ({ options, lsns }) => {
    const directory = newDirectory()
    await closedLog(directory, oneOfEach)
    expect((await inspectJsonl(directory, ...options)).map(({ lsn }) => lsn)).toEqual(lsns)
  })

  it('--since compares with the time of the entry', async () => {
    const directory = newDirectory()
    await closedLog(directory, oneOfEach)
    const [{ timestamp }] = (await inspectJsonl(directory)) as [ShownEntry]
    expect((await inspectJsonl(directory, '--since', String(timestamp)))[0]?.lsn).toBe(1)
    const later = await inspectJsonl(directory, '--since', String(timestamp + 1))
    expect(later.every((entry) => entry.timestamp > timestamp)).toBe(true)
  })
})

describe('one segment file', () => {
  it('is shown on its own', async () => {
    const directory = newDirectory()
    const appended = await closedLog(directory, (recorder) => recorder.measurements(3000, 500), { segmentBytes: 65_536 })
    const files = segmentFiles(directory)
    expect(files.length).toBeGreaterThan(2)
    const shown = await Promise.all(files.map((file) => inspectJsonl(join(directory, file))))
    expect(shown.flat().map(({ lsn }) => lsn)).toEqual(appended.map(({ lsn }) => lsn))
    expect(new Set(shown[1]?.map(({ segment }) => segment))).toEqual(new Set([2]))
  })
})

describe('damage', () => {
  it('is passed over, told on stderr with place and LSN, and ends in exit 1', async () => {
    const directory = newDirectory()
    await closedLog(directory, (recorder) => recorder.measurements(20))
    const [entry] = (await inspectJsonl(directory, '--from-lsn', '7')) as [ShownEntry]
    flipBit(join(directory, segmentFiles(directory)[0] as string), entry.offset + 32)
    const { code, stdout, stderr } = await runCli(['inspect', directory, '--format', 'jsonl'])
    expect(code).toBe(1)
    const lsns = stdout.split('\n').slice(0, -1).map((line) => (JSON.parse(line) as ShownEntry).lsn)
    expect(lsns).toEqual([...Array(20).keys()].map((index) => index + 1).filter((lsn) => lsn !== 7))
    expect(stderr).toMatch(new RegExp(`^corruption: .* 0000000000000001\\.wal, bytes ${entry.offset}-\\d+: LSN 7 lost, 1 entry`))
  })

  it('a torn tail is no damage', async () => {
    const directory = newDirectory()
    await unclosedLog(directory, newDirectory(), (recorder) => recorder.measurements(20), { segmentBytes: 65_536 })
    const { code, stderr } = await runCli(['inspect', directory])
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
  })
})

describe('a live log', () => {
  it('shows what is only staged in the ring', async () => {
    const wal = await Wal.open({ directory: newDirectory(), batchIntervalMs: 3_600_000 })
    const recorder = new Recorder(wal)
    recorder.append(Operation.ADD_MEASUREMENT, 'ann', 'staged')
    const [entry] = (await inspectJsonl(wal.directory)) as [ShownEntry]
    expect(entry).toMatchObject({ lsn: 1, user: 'ann', payload: 'staged', segment: 0 })
    expect((await runCli(['inspect', wal.directory])).stdout).toContain('staged')
    await wal.close()
  })

  it('--follow shows every entry once and in order, across rotations and the end of the writer', async () => {
    const wal = await Wal.open({ directory: newDirectory(), segmentBytes: 65_536, maintenance: false })
    const recorder = new Recorder(wal)
    await recorder.measurements(10)
    const running = startCli(['inspect', wal.directory, '--follow', '--format', 'jsonl'])
    await running.lines(10)
    for (let round = 0; round < 8; round++) {
      await recorder.measurements(500, 100)
      await running.lines(recorder.appended.length)
    }
    expect(wal.stats().rotations).toBeGreaterThan(2)
    recorder.append(Operation.COMMIT, 'last', 'written by close')
    await wal.close()
    await running.lines(recorder.appended.length)
    running.child.kill('SIGINT')
    const { code, stdout } = await running.result
    expect(code).toBe(130)
    const shown = stdout.split('\n').slice(0, -1).map((line) => JSON.parse(line) as ShownEntry)
    expect(shown.map(({ lsn, user, payload }) => [lsn, user, payload])).toEqual(
      recorder.appended.map(({ lsn, userId, payload }) => [lsn, userId, Buffer.from(payload).toString()])
    )
  })

  it('--follow ends by itself where --limit or --to-lsn says', async () => {
    const wal = await Wal.open({ directory: newDirectory() })
    const recorder = new Recorder(wal)
    await recorder.measurements(2)
    const byLimit = startCli(['inspect', wal.directory, '--follow', '--limit', '3', '--format', 'jsonl'])
    const byLsn = startCli(['inspect', wal.directory, '--follow', '--to-lsn', '4', '--format', 'jsonl'])
    await Promise.all([byLimit.lines(2), byLsn.lines(2)])
    await recorder.measurements(3)
    const ended = await Promise.all([byLimit.result, byLsn.result])
    expect(ended.map(({ code, stdout }) => [code, stdout.split('\n').length - 1])).toEqual([[0, 3], [0, 4]])
    await wal.close()
  })
})

describe('a segment that cannot be used', () => {
  it('is told, and ends in exit 1, as verify has it', async () => {
    const directory = newDirectory()
    await closedLog(directory, (recorder) => recorder.measurements(20))
    for (const copy of [0, 4096]) flipBit(join(directory, segmentFiles(directory)[0] as string), copy + 20)
    for (const path of [directory, join(directory, segmentFiles(directory)[0] as string)]) {
      const { code, stderr } = await runCli(['inspect', path])
      expect(code).toBe(1)
      expect(stderr).toContain('corruption: segment_header in 0000000000000001.wal')
    }
  })

  it('because it does not fit its neighbours: its entries are not delivered, and told as lost', async () => {
    const [directory, fork] = [newDirectory(), newDirectory()]
    const write = async (to: string, text: string) =>
      closedLog(to, (recorder) => {
        for (let made = 0; made < 5; made++) recorder.append(Operation.ADD_MEASUREMENT, 'u', `${text} ${made}`)
      })
    await write(directory, 'common')
    cpSync(directory, fork, { recursive: true })
    for (const text of ['second', 'third', 'fourth']) await write(directory, text)
    await write(fork, 'another second')
    const [, second] = segmentFiles(directory)
    copyFileSync(join(fork, second as string), join(directory, second as string))
    const verified = await runCli(['verify', directory])
    expect(verified.code).toBe(1)
    expect(verified.stdout).toMatch(/broken_chain .* LSN 6-10 lost/)
    const { code, stdout, stderr } = await runCli(['inspect', directory, '--format', 'jsonl'])
    expect(code).toBe(1)
    expect(stderr).toContain('LSN 6-10 lost')
    expect(stdout).not.toContain('another')
    expect(stdout).toContain('third')
  })

  it('because it is no segment: exit 3', async () => {
    const file = join(newDirectory(), 'notes.txt')
    for (const text of ['short', 'long'.repeat(4096)]) {
      writeFileSync(file, text)
      for (const command of ['inspect', 'verify', 'stats']) {
        const { code, stderr } = await runCli([command, file])
        expect({ command, code }).toEqual({ command, code: 3 })
        expect(stderr).toContain('ERR_WAL_NOT_A_LOG')
      }
    }
  })
})
