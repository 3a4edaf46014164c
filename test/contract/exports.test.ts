// Proves that the package as it is published gives the same names to `import` and to `require`, runs from both, and that
// its declarations resolve from both without one error.
import { execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import ts from 'typescript'
import { afterAll, beforeAll, expect, test } from 'vitest'
import * as sources from '../../lib/index.js'

const ROOT = join(import.meta.dirname, '../..')
const NAMES = Object.keys(sources).sort()

/** A folder of somebody who uses the package. */
let folder: string
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'ingest-wal-exports-'))
  mkdirSync(join(folder, 'node_modules'))
  symlinkSync(ROOT, join(folder, 'node_modules/ingest-wal'))
  symlinkSync(join(ROOT, 'node_modules/@types'), join(folder, 'node_modules/@types'))
})
afterAll(() => rmSync(folder, { recursive: true }))

function run(name: string, script: string): unknown {
  writeFileSync(join(folder, name), script)
  return JSON.parse(execFileSync(process.execPath, [join(folder, name)], { encoding: 'utf8' }))
}

const SHOW = 'console.log(JSON.stringify(Object.keys(wal).filter((name) => name !== "__esModule").sort()))'

test('import gives every public name', () => {
  expect(run('names.mjs', `import * as wal from 'ingest-wal'\n${SHOW}`)).toEqual(NAMES)
})

test('require gives the same', () => {
  expect(run('names.cjs', `const wal = require('ingest-wal')\n${SHOW}`)).toEqual(NAMES)
})

const FIRST_LOG = `
  const { mkdtempSync, rmSync } = process.getBuiltinModule('node:fs')
  async function main() {
    const directory = mkdtempSync(process.getBuiltinModule('node:os').tmpdir() + '/ingest-wal-first-')
    const wal = await Wal.open({ directory })
    await wal.durable(wal.append(Operation.ADD_MEASUREMENT, 'user-1', Buffer.from('72')))
    const entries = []
    for await (const entry of wal.entries()) entries.push([entry.lsn, entry.userId, Buffer.from(entry.payload).toString()])
    await wal.close()
    rmSync(directory, { recursive: true })
    console.log(JSON.stringify(entries))
  }
  main()`

test('a first log runs from ESM', () => {
  expect(run('first.mjs', `import { Wal, Operation } from 'ingest-wal'\n${FIRST_LOG}`)).toEqual([[1, 'user-1', '72']])
})

test('a first log runs from CommonJS', () => {
  expect(run('first.cjs', `const { Wal, Operation } = require('ingest-wal')\n${FIRST_LOG}`)).toEqual([[1, 'user-1', '72']])
})

const FIRST_METRICS = `
  const { mkdtempSync, rmSync } = process.getBuiltinModule('node:fs')
  async function main() {
    const directory = mkdtempSync(process.getBuiltinModule('node:os').tmpdir() + '/ingest-wal-first-')
    const wal = await Wal.open({ directory })
    await wal.durable(wal.append(Operation.COMMIT, 'user-1'))
    // The registry is prom-client's own, the meter that of a provider which does nothing.
    const unregister = [prometheus.registerWalMetrics(wal), otel.registerWalMetrics(wal)]
    const text = await register.metrics()
    for (const each of unregister) each()
    await wal.close()
    rmSync(directory, { recursive: true })
    console.log(JSON.stringify([/^wal_last_lsn \\d+$/m.exec(text)[0], await register.metrics()]))
  }
  main()`

test.each([
  ['ESM', 'metrics.mjs', (name: string, from: string) => `import ${name} from '${from}'`],
  ['CommonJS', 'metrics.cjs', (name: string, from: string) => `const ${name.replace('* as ', '')} = require('${from}')`]
])('metrics go to prom-client and OpenTelemetry from %s', (_, file, line) => {
  symlinkPeer('prom-client')
  const lines = [line('{ Wal, Operation }', 'ingest-wal'), line('* as prometheus', 'ingest-wal/prometheus'), line('* as otel', 'ingest-wal/otel'), line('{ register }', 'prom-client')]
  expect(run(file, `${lines.join('\n')}\n${FIRST_METRICS}`)).toEqual(['wal_last_lsn 1', '\n'])
})

function symlinkPeer(name: string): void {
  rmSync(join(folder, 'node_modules', name), { force: true })
  symlinkSync(join(ROOT, 'node_modules', name), join(folder, 'node_modules', name))
}

const TYPED_USE = `
  export async function use(): Promise<number> {
    const log = await wal.Wal.open({ directory: 'data/wal' })
    const stats: wal.WalStats = log.stats()
    // An 'any' that came from a declaration that does not resolve would take the string.
    // @ts-expect-error a number is no string
    const text: string = stats.lastLsn
    const lsn: number = log.metrics.wal_last_lsn
    // @ts-expect-error a histogram is no number
    const duration: number = log.metrics.wal_fsync_duration_seconds
    prometheus.registerWalMetrics(log, { labels: { log: 'orders' } })()
    // @ts-expect-error labels are strings
    prometheus.registerWalMetrics(log, { labels: { log: 1 } })
    otel.registerWalMetrics(log, { attributes: { log: 1 } })()
    const page: string = report.reportPage(await report.collectReport('data/wal'))
    // @ts-expect-error a page is text
    const size: number = page
    return log.append(wal.Operation.COMMIT, text) + lsn + duration + size
  }
`

test.each([
  ['ESM', 'use.mts', (name: string, from: string) => `import * as ${name} from '${from}'\n`],
  ['CommonJS', 'use.cts', (name: string, from: string) => `import ${name} = require('${from}')\n`]
])('declarations resolve from %s', (_, name, line) => {
  const file = join(folder, name)
  const lines = [line('wal', 'ingest-wal'), line('prometheus', 'ingest-wal/prometheus'), line('otel', 'ingest-wal/otel'), line('report', 'ingest-wal/report')]
  writeFileSync(file, lines.join('') + TYPED_USE)
  const program = ts.createProgram([file], {
    module: ts.ModuleKind.NodeNext,
    target: ts.ScriptTarget.ES2022,
    lib: ['lib.es2023.d.ts', 'lib.esnext.disposable.d.ts'],
    types: ['node'],
    typeRoots: [join(ROOT, 'node_modules/@types')],
    strict: true,
    noEmit: true
  })
  const messages = ts.getPreEmitDiagnostics(program).map((diagnostic) => {
    const where = diagnostic.file === undefined ? '' : `${diagnostic.file.fileName}: `
    return where + ts.flattenDiagnosticMessageText(diagnostic.messageText, '\n')
  })
  expect(messages).toEqual([])
})
