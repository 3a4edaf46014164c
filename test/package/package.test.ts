// Proves that the package can be used as it is published: packed, installed into an empty folder with no compiler on PATH and
// scripts off, its prebuilt binary runs a first log from ESM and from CommonJS, and the command line answers. And that the
// tarball holds what a user needs and nothing else.
import { execFileSync, spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, realpathSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'

const ROOT = join(import.meta.dirname, '../..')
const MANIFEST = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as {
  version: string
  dependencies: Record<string, string>
}
const PREBUILDS = join(ROOT, 'prebuilds', `${process.platform}-${process.arch}`)

/** npm, wherever it is: run with this Node, it needs nothing on PATH. */
function npm(args: readonly string[], cwd: string, env: NodeJS.ProcessEnv = process.env): string {
  const found = (process.env['PATH'] ?? '').split(delimiter).map((folder) => join(folder, 'npm'))
  const command = process.env['npm_execpath'] ?? found.map(realPathOrNothing).find((path) => path !== undefined)
  if (command === undefined) throw new Error('npm is not on PATH')
  return execFileSync(process.execPath, [command, ...args], { cwd, env, encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] })
}

function realPathOrNothing(path: string): string | undefined {
  try {
    return realpathSync(path)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw error
  }
}

/** The packages that ingest-wal needs at run time, and those that they need. */
function runtimePackages(): string[] {
  const names = new Set<string>()
  const add = (name: string): void => {
    if (names.has(name)) return
    names.add(name)
    const manifest = readFileSync(join(ROOT, 'node_modules', name, 'package.json'), 'utf8')
    const { dependencies = {} } = JSON.parse(manifest) as { dependencies?: Record<string, string> }
    Object.keys(dependencies).forEach(add)
  }
  Object.keys(MANIFEST.dependencies).forEach(add)
  return [...names]
}

let base: string
let app: string
let packed: string[]
/** A PATH with nothing on it but Node. */
let environment: NodeJS.ProcessEnv

beforeAll(() => {
  execFileSync(process.execPath, [join(ROOT, 'scripts/prebuild.mjs')], { cwd: ROOT, stdio: ['ignore', 'pipe', 'pipe'] })
  base = mkdtempSync(join(tmpdir(), 'ingest-wal-package-'))
  const [bin, tarballs] = ['bin', 'tarballs'].map((name) => join(base, name)) as [string, string]
  app = join(base, 'app')
  for (const folder of [bin, tarballs, app]) mkdirSync(folder)
  symlinkSync(process.execPath, join(bin, 'node'))
  environment = { PATH: bin, HOME: base, PREBUILDS_ONLY: '1', npm_config_cache: join(base, 'cache') }

  const pack = ['pack', '--json', '--ignore-scripts', '--pack-destination', tarballs]
  const [result] = JSON.parse(npm(pack, ROOT)) as [{ files: { path: string }[] }]
  packed = result.files.map((file) => file.path)
  // What it depends on comes from here, so that nothing is fetched.
  npm([...pack, ...runtimePackages().map((name) => `./node_modules/${name}`)], ROOT)
  writeFileSync(join(app, 'package.json'), '{ "name": "app", "version": "1.0.0", "private": true }\n')
  const files = readdirSync(tarballs).map((file) => join(tarballs, file))
  npm(['install', '--offline', '--ignore-scripts', '--no-audit', '--no-fund', ...files], app, environment)
}, 600_000)

afterAll(() => rmSync(base, { recursive: true, force: true }))

function run(args: readonly string[]): { status: number | null; stdout: string; stderr: string } {
  return spawnSync(process.execPath, args, { cwd: app, env: environment, encoding: 'utf8' })
}

describe('the tarball', () => {
  test('holds both builds, their declarations, the binary and what is written about it', () => {
    expect(packed).toEqual(
      expect.arrayContaining([
        'package.json',
        'README.md',
        'LICENSE',
        'CHANGELOG.md',
        'dist/esm/index.js',
        'dist/esm/index.d.ts',
        'dist/esm/cli/main.js',
        'dist/cjs/index.js',
        'dist/cjs/index.d.ts',
        ...['esm', 'cjs'].flatMap((format) => ['prometheus', 'otel'].flatMap((name) => [`dist/${format}/metrics/${name}.js`, `dist/${format}/metrics/${name}.d.ts`])),
        ...['esm', 'cjs'].flatMap((format) => [`dist/${format}/report/index.js`, `dist/${format}/report/index.d.ts`]),
        'ops/README.md',
        'ops/alerts.yml',
        'ops/grafana-dashboard.json',
        'dist/binding.d.ts',
        ...readdirSync(PREBUILDS).map((file) => `prebuilds/${process.platform}-${process.arch}/${file}`)
      ])
    )
  })

  test('holds no sources, tests, build trees or logs', () => {
    const allowed = /^(dist|docs|ops|prebuilds)\/|^(package\.json|README\.md|LICENSE|CHANGELOG\.md)$/
    expect(packed.filter((path) => !allowed.test(path))).toEqual([])
    expect(packed.filter((path) => /\.(cc|h|o|map|wal|tgz|log|tsbuildinfo)$|\.test\./.test(path))).toEqual([])
  })
})

const FIRST_LOG = `
  async function main() {
    const wal = await Wal.open({ directory: process.argv[2] })
    await wal.durable(wal.append(Operation.ADD_MEASUREMENT, 'user-1', Buffer.from('72')))
    for await (const { lsn, userId, payload } of wal.entries()) console.log(lsn, userId, Buffer.from(payload).toString())
    await wal.close()
  }
  main()`

describe('installed without a compiler, scripts off', () => {
  test('no script ran and nothing was built', () => {
    expect(readdirSync(join(app, 'node_modules/ingest-wal'))).not.toContain('build')
  })

  test.each([
    ['ESM', 'first.mjs', "import { Wal, Operation } from 'ingest-wal'"],
    ['CommonJS', 'first.cjs', "const { Wal, Operation } = require('ingest-wal')"]
  ])('a first log runs from %s', (name, file, line) => {
    writeFileSync(join(app, file), `${line}\n${FIRST_LOG}`)
    const { status, stdout, stderr } = run([file, `log-${name}`])
    expect(stderr).toBe('')
    expect(stdout).toBe('1 user-1 72\n')
    expect(status).toBe(0)
  })

  test.each([
    ['prometheus', 'prom-client'],
    ['otel', '@opentelemetry/api']
  ])('ingest-wal/%s asks for %s, which nothing else does', (name, peer) => {
    for (const load of [`import('ingest-wal/${name}').catch`, `new Promise(() => require('ingest-wal/${name}')).catch`]) {
      const { stdout, status } = run(['-e', `${load}((error) => console.log(error.message))`])
      expect(stdout).toContain(peer)
      expect(status).toBe(0)
    }
  })

  test('ingest-wal/report is there from ESM and CommonJS', () => {
    for (const load of ["import('ingest-wal/report').then", "Promise.resolve(require('ingest-wal/report')).then"]) {
      expect(run(['-e', `${load}(({ reportPage }) => console.log(typeof reportPage))`]).stdout).toBe('function\n')
    }
  })

  test('the command line answers under its name', () => {
    const command = realpathSync(join(app, 'node_modules/.bin/ingest-wal'))
    const { status, stdout, stderr } = run([command, '--version'])
    expect(stderr).toBe('')
    expect(stdout).toContain(MANIFEST.version)
    expect(status).toBe(0)
  })

  test('without a binary for the system: an error that says what was tried and what to do', () => {
    const copy = join(base, 'bare')
    mkdirSync(copy)
    execFileSync('cp', ['-r', join(app, 'node_modules'), copy])
    rmSync(join(copy, 'node_modules/ingest-wal/prebuilds'), { recursive: true })
    const program = "import('ingest-wal').then(({ Wal }) => Wal.open({ directory: 'log' })).catch((e) => console.log(e.code, e.message))"
    const { stdout } = spawnSync(process.execPath, ['-e', program], { cwd: copy, env: environment, encoding: 'utf8' })
    expect(stdout).toContain('ERR_WAL_NATIVE')
    expect(stdout).toContain('tried: ')
    expect(stdout).toContain('npm run compile')
  })
})

test('the binary shows two symbols of its own: the entrances of Node-API', () => {
  for (const file of readdirSync(PREBUILDS)) {
    const { stdout, error } = spawnSync('nm', ['-D', '--defined-only', join(PREBUILDS, file)], { encoding: 'utf8' })
    if (error !== undefined) {
      process.stderr.write(`package: nm cannot be run (${error.message}): not checked\n`)
      return
    }
    // Weak ones are instances of the standard library's templates.
    const strong = stdout.split('\n').map((line) => line.split(' ')).filter(([, kind]) => kind !== undefined && !/[Wu]/.test(kind))
    expect(strong.map(([, , name]) => name).sort()).toEqual(['napi_register_module_v1', 'node_api_module_get_api_version_v1'])
  }
})
