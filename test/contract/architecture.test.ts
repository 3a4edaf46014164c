// Proves that scripts/check-architecture.mjs, which `npm run lint` runs, sees each breach of the architecture it has a rule
// for, and names the file, the line and the rule: a check that never fails would hold nothing.
import { spawnSync } from 'node:child_process'
import { appendFileSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'

const SCRIPT = join(import.meta.dirname, '../../scripts/check-architecture.mjs')

/** File, breach, and how the name of the rule begins. */
const BREACHES = [
  ['native/core/log.h', '#include <napi.h>', 'the core knows nothing of Node'],
  ['native/core/log.cc', '#include <uv.h>', 'the core knows nothing of Node'],
  ['native/core/log.cc', '#include <v8-isolate.h>', 'the core knows nothing of Node'],
  ['native/binding/module.cc', '#include <napi.h>', 'napi_setup.h is the only place that includes Node-API'],
  ['native/core/format.h', '#include "bytes.h"', 'bytes, status and format stand on nothing of the project'],
  ['native/core/crc32c.cc', '#include "format.h"', 'crc32c is a function of bytes'],
  ['native/core/scan.cc', '#include "platform/file_system.h"', 'records, scan, segment headers and names'],
  ['native/core/record.h', '#include <unistd.h>', 'records, scan, segment headers and names'],
  ['native/core/writer.cc', '#include "reader.h"', 'the writer never sees the reader'],
  ['native/core/writer.cc', '#include "log.h"', 'the writer never sees the reader'],
  ['native/core/reader.h', '#include "writer.h"', 'the reader never sees the writer'],
  ['native/core/platform/clock_posix.cc', '#include "writer.h"', 'platform files see their interface only'],
  ['native/core/writer.cc', '#include <sys/stat.h>', 'systems differ in platform files only'],
  ['native/core/writer.cc', '#include "platform/file_posix.h"', 'systems differ in platform files only'],
  ['lib/wal/wal.ts', "import { locateAddon } from '../load-addon.cjs'", 'only load-addon.cjs finds the addon'],
  ['lib/native.ts', "import load from 'node-gyp-build'", 'only load-addon.cjs loads native modules'],
  ['lib/cli/inspect.ts', "import { readLog } from '../wal/inspect.js'", 'the command line needs no more than'],
  ['lib/cli/inspect.ts', "const log = await import('../native.js')", 'the command line needs no more than'],
  ['lib/wal/wal.ts', "import { table } from '../cli/table.js'", 'nothing imports the command line'],
  ['lib/replay/buffer.ts', "export { Wal } from '../index.js'", 'the public index is for users'],
  ['lib/maintenance/plan.ts', "import { native } from '../native.js'", 'plan, retention and clock of maintenance are decisions'],
  ['lib/maintenance/retention.ts', "import { statSync } from 'node:fs'", 'plan, retention and clock of maintenance are decisions'],
  ['lib/maintenance/scheduler.ts', "import type { Wal } from '../wal/wal.js'", 'maintenance looks after any log'],
  ['lib/wal/inspect.ts', "import { register } from 'prom-client'", 'only its adapters know how metrics'],
  ['lib/index.ts', "export { registerWalMetrics } from './metrics/otel.js'", 'only its adapters know how metrics'],
  ['lib/replay/manager.ts', "import type { Wal } from '../wal/wal.js'", 'replay and recovery run on any entry log'],
  ['lib/recovery/recover.ts', "import { Wal } from '../wal/wal.js'", 'replay and recovery run on any entry log']
] as const

function check(root?: string): { status: number | null; output: string } {
  const args = root === undefined ? [SCRIPT] : [SCRIPT, '--root', root]
  const { status, stdout, stderr } = spawnSync(process.execPath, args, { encoding: 'utf8' })
  return { status, output: stdout + stderr }
}

test('this tree keeps to its architecture', () => {
  const { status, output } = check()
  expect(output).toBe('architecture: every file uses only what it may\n')
  expect(status).toBe(0)
})

describe('a seeded breach is named by file, line and rule', () => {
  let root: string
  let result: { status: number | null; output: string }
  beforeAll(() => {
    root = mkdtempSync(join(tmpdir(), 'ingest-wal-architecture-'))
    const headers = ['bytes', 'reader', 'writer', 'platform/file_system', 'platform/file_posix'].map((name) => `native/core/${name}.h`)
    for (const header of headers) write(header, '#pragma once')
    // Reached through another header.
    write('native/core/log.h', '#include "reader.h"')
    for (const [file, line] of BREACHES) write(file, line)
    result = check(root)
  })
  afterAll(() => rmSync(root, { recursive: true }))

  function write(path: string, line: string): void {
    mkdirSync(dirname(join(root, path)), { recursive: true })
    appendFileSync(join(root, path), `${line}\n`)
  }

  /** Lines are numbered per file: a breach's line is one behind those written to its file before. */
  function lineOf(index: number): number {
    const [file] = BREACHES[index] ?? ['']
    const before = BREACHES.slice(0, index).filter(([other]) => other === file).length
    return before + (file === 'native/core/log.h' || file === 'native/core/reader.h' ? 2 : 1)
  }

  test('the check fails', () => expect(result.status).toBe(1))

  test.each(BREACHES.map((breach, index) => [...breach, index] as const))('%s: %s', (file, _, rule, index) => {
    const reported = result.output.split('\n').filter((line) => line.startsWith(`${file}:${lineOf(index)}: uses `))
    expect(reported.join('\n')).toContain(`; rule: ${rule}`)
  })
})
