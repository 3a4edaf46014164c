/**
 * Proves that the commands which only look change nothing - no name, no byte, no time of change - on closed, crashed,
 * damaged and live logs, and that they keep no writer out.
 */
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { Operation, Wal } from '../../lib/index.js'
import { runCli, startCli } from '../support/command-line.js'
import { cutOff, flipBit } from '../support/damage.js'
import { closedLog, fingerprint, Recorder, segmentFiles, unclosedLog } from '../support/logs.js'
import { temporaryDirectories } from '../support/temporary-directory.js'

const newDirectory = temporaryDirectories()
const COMMANDS = [['inspect'], ['verify'], ['stats'], ['report', '--force', '--html', join(newDirectory(), 'report.html')]]
const SMALL = { segmentBytes: 65_536 }

async function expectUnchanged(directory: string, expectedCode: number): Promise<void> {
  const before = fingerprint(directory)
  for (const command of COMMANDS) {
    expect({ command, code: (await runCli([...command, directory])).code }).toEqual({ command, code: expectedCode })
    expect(fingerprint(directory)).toEqual(before)
  }
}

describe('looking changes nothing', () => {
  it('on a closed log', async () => {
    const directory = newDirectory()
    await closedLog(directory, (recorder) => recorder.measurements(1000, 100), SMALL)
    await expectUnchanged(directory, 0)
  })

  it('on a log with a torn tail: it is told, not cut', async () => {
    const directory = newDirectory()
    await unclosedLog(directory, newDirectory(), (recorder) => recorder.measurements(100), SMALL)
    cutOff(join(directory, segmentFiles(directory)[0] as string), 50_000)
    await expectUnchanged(directory, 0)
  })

  it('on a damaged log: nothing is repaired or put in quarantine', async () => {
    const directory = newDirectory()
    await closedLog(directory, (recorder) => recorder.measurements(100))
    flipBit(join(directory, segmentFiles(directory)[0] as string), 8192 + 48 + 60)
    await expectUnchanged(directory, 1)
  })

  it('on a live log with entries in the ring', async () => {
    const wal = await Wal.open({ directory: newDirectory(), batchIntervalMs: 3_600_000 })
    const recorder = new Recorder(wal)
    await recorder.measurements(10)
    recorder.append(Operation.COMMIT, 'staged', 'x')
    await untilQuiet(wal.directory)
    await expectUnchanged(wal.directory, 0)
    expect(wal.stats().state).toBe('ok')
    await wal.close()
  })
})

/** The writer itself writes zeros ahead of its position, a few slices, behind the first batch. */
async function untilQuiet(directory: string): Promise<void> {
  let before = ''
  for (let now = seen(directory); before !== now; now = seen(directory)) {
    before = now
    await new Promise((resolve) => setTimeout(resolve, 250))
  }
}

function seen(directory: string): string {
  return JSON.stringify(fingerprint(directory))
}

describe('looking keeps no writer out', () => {
  it('a writer opens, writes and closes while the log is followed', async () => {
    const directory = newDirectory()
    await closedLog(directory, (recorder) => recorder.measurements(5))
    const running = startCli(['inspect', directory, '--follow', '--format', 'jsonl'])
    await running.lines(5)
    for (let round = 1; round <= 5; round++) {
      await closedLog(directory, (recorder) => recorder.measurements(5))
      await running.lines(5 + round * 5)
    }
    running.child.kill('SIGINT')
    const { stdout } = await running.result
    const lsns = stdout.split('\n').slice(0, -1).map((line) => (JSON.parse(line) as { lsn: number }).lsn)
    expect(lsns).toEqual([...Array(30).keys()].map((index) => index + 1))
  })
})
