// Proves that space which was reserved and never written is not read: not by the process that opens the log of one that was killed, and
// not by those who look at a log that is being written, however often. What is read is counted by the kernel. A page of such
// space that was read once, or read ahead, looks like data to whoever comes next, so a reader that is not careful draws all of it in.
import { existsSync, readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { scanLog, Wal } from '../../lib/index.js'
import { startChild, temporaryDirectory } from './support.js'

const SEGMENT_BYTES = 128 << 20
const ENTRIES = 2000
/** Of what was written (0.3 MB) and of zeros written ahead (8 MiB at most), a few passes. */
const MOST_BYTES = SEGMENT_BYTES / 3
const SETTINGS = { segmentBytes: SEGMENT_BYTES, maintenance: false }
const COUNTED = '/proc/self/io'
const isCounted = existsSync(COUNTED)
if (!isCounted) process.stderr.write(`reserved-space: ${COUNTED} is not here: not checked\n`)

async function bytesRead(what: () => Promise<unknown>): Promise<number> {
  const counted = () => Number(/^rchar: (\d+)/m.exec(readFileSync(COUNTED, 'utf8'))?.[1])
  const before = counted()
  await what()
  return counted() - before
}

/** A log of so many entries whose process is dead. */
async function killedLog(): Promise<string> {
  const directory = temporaryDirectory()
  let reportedBytes = 0
  const child = startChild('append-and-report.mjs', [directory, '1', String(ENTRIES), JSON.stringify(SETTINGS)], (bytes) => {
    reportedBytes += bytes.length
    if (reportedBytes === 8 * (ENTRIES + 2)) child.process.kill('SIGKILL')
  })
  const { signal, stderr } = await child.ended
  expect([signal, stderr]).toEqual(['SIGKILL', ''])
  return directory
}

test.runIf(isCounted)('a log is opened without the space that the process before had reserved', async () => {
  const directory = await killedLog()
  let wal: Wal | undefined
  const bytes = await bytesRead(async () => (wal = await Wal.open({ directory, ...SETTINGS })))
  expect(wal?.lastLsn).toBe(ENTRIES)
  await wal?.close()
  expect(bytes).toBeGreaterThan(0)
  expect(bytes).toBeLessThan(MOST_BYTES)
})

test.runIf(isCounted)('whoever looks at a log that is being written, again and again, reads what was written', async () => {
  const directory = await killedLog()
  const wal = await Wal.open({ directory, ...SETTINGS })
  for (let looks = 0; looks < 5; looks++) {
    wal.append(1, 'user-1', Buffer.from('once more'))
    await wal.durable()
    const bytes = await bytesRead(() => scanLog(directory))
    expect(bytes).toBeGreaterThan(0)
    expect(bytes).toBeLessThan(MOST_BYTES)
  }
  await wal.close()
})
