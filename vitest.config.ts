import { defineConfig } from 'vitest/config'

/** Promises that are times: measured while nothing else runs. */
const TIMED = ['test/crash/deadline.test.ts']

export default defineConfig({
  test: {
    // An addon with threads of its own: processes, not worker threads, so that each file starts from nothing.
    pool: 'forks',
    testTimeout: 120_000,
    hookTimeout: 120_000,
    coverage: { provider: 'v8', include: ['lib/**/*.ts'] },
    projects: [
      {
        extends: true,
        test: { name: 'all', include: ['test/**/*.test.ts'], exclude: TIMED, maxWorkers: 2, sequence: { groupOrder: 0 } }
      },
      { extends: true, test: { name: 'timed', include: TIMED, maxWorkers: 1, sequence: { groupOrder: 1 } } }
    ]
  }
})
