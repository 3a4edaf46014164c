/**
 * Proves that `inspect --follow` shows every entry once and in order while the log rotates, compacts, compresses and removes its
 * segments; that it says what went before it could be seen; that it tells a damage once; and that a look at what is new does not
 * read again what a checkpoint stands for.
 */
import { readdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { describe, expect, it } from 'vitest'
import { inspect } from '../../lib/cli/inspect.js'
import { Operation, readLog, Wal } from '../../lib/index.js'
import { startCli } from '../support/command-line.js'
import { flipBit, zeroOut } from '../support/damage.js'
import { closedLog, mixedLog, Recorder } from '../support/logs.js'
import { RecordedOutput } from '../support/recorded-output.js'
import { temporaryDirectories } from '../support/temporary-directory.js'

const newDirectory = temporaryDirectories()
const SMALL = { segmentBytes: 65_536 }

function lsnsOf(lines: readonly string[]): number[] {
  return lines.map((line) => (JSON.parse(line) as { lsn: number }).lsn)
}

describe('a log that looks after itself', () => {
  it('every entry once: rotated, compressed, and carried by checkpoints when its segment is gone', async () => {
    const wal = await Wal.open({ directory: newDirectory(), ...SMALL, batchIntervalMs: 5 })
    const recorder = new Recorder(wal)
    await recorder.measurements(10)
    const running = startCli(['inspect', wal.directory, '--follow', '--format', 'jsonl'])
    await running.lines(10)
    // No COMMIT ends what these entries begin, so a checkpoint keeps all of them, whether they were seen before or not.
    for (let round = 0; round < 6; round++) {
      const compacted = wal.compact({ drop: round % 2 === 1 })
      await recorder.measurements(1500, 150)
      await compacted
      if (round % 3 === 2) await running.lines(recorder.appended.length)
    }
    await recorder.measurements(5000, 500)
    await compressed(wal)
    await recorder.measurements(10)
    await wal.close()
    const lines = await running.lines(recorder.appended.length)
    running.child.kill('SIGINT')
    const { stderr } = await running.result
    expect(lsnsOf(lines)).toEqual(recorder.appended.map(({ lsn }) => lsn))
    expect(stderr).not.toContain('corruption')
    const names = readdirSync(wal.directory)
    expect(names).not.toContain('0000000000000001.wal')
    expect(names.some((name) => name.endsWith('.ckpt'))).toBe(true)
  })

  it('what went by compaction before it was seen is said, not passed over in silence', async () => {
    const wal = await Wal.open({ directory: newDirectory(), ...SMALL, maintenance: false })
    const recorder = new Recorder(wal)
    await recorder.measurements(5)
    const running = startCli(['inspect', wal.directory, '--follow', '--format', 'jsonl'])
    await running.lines(5)
    running.child.kill('SIGSTOP')
    await recorder.measurements(5)
    for (let user = 0; user < 5; user++) recorder.append(Operation.COMMIT, `user-${user}`, 'done')
    await wal.compact({ drop: true })
    await recorder.measurements(5)
    // What was given up is gone for good when the log is closed.
    await wal.close()
    expect(readdirSync(wal.directory)).not.toContain('0000000000000001.wal')
    running.child.kill('SIGCONT')
    const lines = await running.lines(15)
    running.child.kill('SIGINT')
    expect(lsnsOf(lines)).toEqual([1, 2, 3, 4, 5, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20])
    expect((await running.result).stderr).toContain('note: LSN 6-10 went by compaction before it was seen')
  })
})

/** Resolves when a segment is compressed. */
async function compressed(wal: Wal): Promise<void> {
  while (!readdirSync(wal.directory).some((name) => name.endsWith('.wal.gz'))) await sleep(20)
}

/** Follows for `looks` looks at the log, in this process. */
async function followed(directory: string, looks: number, betweenLooks: () => void = () => undefined): Promise<RecordedOutput> {
  const controller = new AbortController()
  let left = looks
  const output = new RecordedOutput(() => {
    if (--left === 0) controller.abort()
    else betweenLooks()
  })
  await inspect(directory, { format: 'jsonl', follow: true }, { output, signal: controller.signal }).catch((error: unknown) => {
    if (!controller.signal.aborted) throw error
  })
  return output
}

describe('damage', () => {
  it('that costs no entry is told once, however often the log is looked at', async () => {
    const directory = newDirectory()
    const { plain } = await mixedLog(directory)
    const last = plain.at(-1) as string
    // The mark before its first batch.
    flipBit(join(directory, last), 8192 + 20)
    const { notes } = await followed(directory, 3)
    expect(notes.filter((note) => note.includes('corruption'))).toEqual([expect.stringContaining(`${last}, bytes 8192-`)])
  })
})

describe('a look behind the first', () => {
  it('reads neither the checkpoints again nor the segments that they cover', async () => {
    const directory = newDirectory()
    const { held, base, compressed: files } = await mixedLog(directory)
    const output = await followed(directory, 3, () => {
      // Gone between two looks: who looks at them again tells it.
      rmSync(join(directory, files[0] as string), { force: true })
      zeroOut(join(directory, base), 8192 + 60, 8)
    })
    expect(output.notes.filter((note) => note.includes('corruption'))).toEqual([])
    expect(lsnsOf(output.lines())).toEqual(held.map(({ lsn }) => lsn))
    const damage: string[] = []
    let left = 0
    for await (const { lsn } of readLog(directory, { onDamage: ({ kind }) => damage.push(kind) })) left += lsn > 0 ? 1 : 0
    expect(left).toBeGreaterThan(0)
    expect(damage).toContain('checkpoint')
  })

  it('finds what a new life of the log has appended behind its base', async () => {
    const directory = newDirectory()
    const { held } = await mixedLog(directory)
    const added: number[] = []
    const from: number[] = []
    await closedLog(directory, async (recorder) => {
      await recorder.measurements(20)
      added.push(...recorder.appended.map(({ lsn }) => lsn))
    })
    for await (const { lsn } of readLog(directory, { fromLsn: (held.at(-1)?.lsn ?? 0) + 1 })) from.push(lsn)
    expect(from).toEqual(added)
  })
})
