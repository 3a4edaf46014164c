/** Directories for tests: in memory where there is such a place, removed when the file's tests are done. */
import { accessSync, constants, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll } from 'vitest'

const IN_MEMORY = '/dev/shm'

function base(): string {
  try {
    accessSync(IN_MEMORY, constants.W_OK)
    return IN_MEMORY
  } catch {
    return tmpdir()
  }
}

/** Call in the body of a test file or a `describe`: gives a function that makes new, empty directories. */
export function temporaryDirectories(): () => string {
  const made: string[] = []
  afterAll(() => {
    for (const directory of made) rmSync(directory, { recursive: true, force: true })
  })
  return () => {
    const directory = mkdtempSync(join(base(), 'ingest-wal-test-'))
    made.push(directory)
    return directory
  }
}
