// What the property tests of this folder share: how often a program is drawn, and that a failure can be repeated.
//   INGEST_WAL_PROPERTY_RUNS   programs of each test
//   INGEST_WAL_SEED            repeats a run
import { mkdtempSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import fc from 'fast-check'
import { printedSeed } from '../crash/support.js'
import { temporaryDirectories } from '../support/temporary-directory.js'

/** What has not ended by then hangs. */
const LONGEST_PROGRAM_MS = 20_000

/** So many times as many programs are drawn, at most, until each kind of thing has happened. */
const MOST_ROUNDS = 10

/**
 * Draws programs and runs each; a failing one is shrunk, and told with the seed. `usually`: how many where nothing else is said;
 * true when it was as many at least, so that each kind of thing must have happened: more are drawn while `isEnough` says no.
 */
export async function everyProgram<Program>(
  what: string,
  programs: fc.Arbitrary<Program>,
  usually: number,
  run: (program: Program) => Promise<void> | void,
  isEnough: () => boolean = () => true
): Promise<boolean> {
  const numRuns = Number(process.env['INGEST_WAL_PROPERTY_RUNS'] ?? usually)
  const seed = printedSeed(what)
  const isAll = numRuns >= usually
  for (let round = 0; round === 0 || (isAll && !isEnough() && round < MOST_ROUNDS); round++) {
    await fc.assert(
      fc.asyncProperty(programs, async (program) => run(program)),
      { numRuns, seed: seed + round, timeout: LONGEST_PROGRAM_MS }
    )
    process.stderr.write(`${what}: ${numRuns} programs of seed ${seed + round}\n`)
  }
  return isAll
}

/** Call in the body of a test file: gives a function that runs something in a new directory, which is gone afterwards. */
export function inNewDirectory(): (run: (directory: string) => Promise<void>) => Promise<void> {
  const newDirectory = temporaryDirectories()
  let parent: string | undefined
  return async (run) => {
    parent ??= newDirectory()
    const directory = mkdtempSync(join(parent, 'log-'))
    try {
      await run(directory)
    } finally {
      rmSync(directory, { recursive: true })
    }
  }
}
