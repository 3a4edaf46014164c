// Proves that a log is a list: whatever a program does with it, in whatever order (append, measurements by handle or by name,
// durable awaited or not, readers that begin and go on later, filters, chunks, checkpoints, compaction, other settings at each
// open), and however it ends in between (closed, dead with its ring left, without power), what comes back is what a list of
// entries in memory says; nobody who waits is left waiting; and what is refused changes nothing.
import { expect, test } from 'vitest'
import { logPrograms, type LogProgram } from './log-program.js'
import { LogRun, reached } from './log-run.js'
import { everyProgram, inNewDirectory } from './support.js'

const run = inNewDirectory()

test('a log gives back what a list in memory would', async () => {
  const runOne = (program: LogProgram) => run((directory) => LogRun.of(directory, program))
  const isAll = await everyProgram('log programs', logPrograms, 50, runOne, () => Object.values(reached).every((count) => count > 0))
  process.stderr.write(`log programs: ${JSON.stringify(reached)}\n`)
  if (!isAll) return
  for (const [what, count] of Object.entries(reached)) expect(count, what).toBeGreaterThan(0)
}, 3_600_000)
