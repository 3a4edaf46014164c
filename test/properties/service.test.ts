// Proves that buffers and replays follow their rules and survive whatever comes in between: programs that add, replay (with
// processors that fail, are aborted, add meanwhile), clear, let time pass, checkpoint and compact; a service that is closed, dies
// with its ring left, or loses its power, also in the midst of a replay, and is opened again under other settings. Behind each step
// it holds, in every field, what a model in memory says: nothing is lost, nothing is applied twice, no replay by half.
import { expect, test } from 'vitest'
import { servicePrograms, type ServiceProgram } from './service-program.js'
import { reached, ServiceRun } from './service-run.js'
import { everyProgram, inNewDirectory } from './support.js'

const run = inNewDirectory()

test('a service holds what its model holds', async () => {
  const counts = () => {
    const { outcomes, interrupted, ...others } = reached
    return { ...outcomes, ...interrupted, ...others }
  }
  const runOne = (program: ServiceProgram) => run((directory) => ServiceRun.of(directory, program))
  const isAll = await everyProgram('service programs', servicePrograms, 80, runOne, () => Object.values(counts()).every((count) => count > 0))
  process.stderr.write(`service programs: ${JSON.stringify(reached)}\n`)
  if (!isAll) return
  for (const [what, count] of Object.entries(counts())) expect(count, what).toBeGreaterThan(0)
}, 3_600_000)
