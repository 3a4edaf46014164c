/**
 * Proves that who may not read or write a log is told so, with exit code 3 on the command line, and that nobody takes what they may not
 * read for damage; that a log's files are closed to others whatever the umask; that files which somebody opened to others are read all
 * the same. Another user is played by a process that has given up root; without root those tests are left out.
 */
import { spawnSync } from 'node:child_process'
import { chmodSync, chownSync, cpSync, mkdirSync, readdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { beforeAll, describe, expect, test } from 'vitest'
import { Operation, scanLog, Wal } from '../../lib/index.js'
import { CLI } from '../support/command-line.js'
import { closedLog, fingerprint } from '../support/logs.js'
import { temporaryDirectories } from '../support/temporary-directory.js'
import { IS_ROOT } from './support.js'

const NOBODY = 65_534
const SEGMENT = '0000000000000001.wal'
const temporaryDirectory = temporaryDirectories()
let original: string

beforeAll(async () => {
  original = join(temporaryDirectory(), 'log')
  await closedLog(original, (recorder) => recorder.measurements(20))
})

/** A copy that belongs to another user, who may pass through the directories above. */
function copyOf(owner: number): string {
  const folder = temporaryDirectory()
  const directory = join(folder, 'log')
  cpSync(original, directory, { recursive: true })
  chmodSync(folder, 0o755)
  for (const path of [directory, ...readdirSync(directory).map((name) => join(directory, name))]) chownSync(path, owner, owner)
  return directory
}

interface Ended {
  status: number | null
  stdout: string
  stderr: string
}

/** Runs the command line, or a program, as a user without rights. */
function asNobody(args: readonly string[]): Ended {
  return spawnSync(process.execPath, args, { uid: NOBODY, gid: NOBODY, encoding: 'utf8', env: { PATH: process.env['PATH'], HOME: '/' } })
}

/** What becomes of `Wal.open` in a process of that user. */
function openAsNobody(directory: string): string {
  const index = join(import.meta.dirname, '../../dist/esm/index.js')
  const program = `import { Wal } from ${JSON.stringify(index)}; try { const wal = await Wal.open({ directory: ${JSON.stringify(directory)}, maintenance: false }); await wal.close(); console.log('opened') } catch (error) { console.log(error.code, error.message) }`
  const { stdout, stderr } = asNobody(['--input-type=module', '-e', program])
  return stdout + stderr
}

describe.skipIf(!IS_ROOT)('another user', () => {
  // The tree under test may lie where nobody but its owner may go.
  const reaches = IS_ROOT && asNobody([CLI, '--version']).status === 0

  test.skipIf(!reaches).each([
    ['the directory', '', 0o000],
    ['a segment', SEGMENT, 0o000],
    ['log.id', 'log.id', 0o000]
  ])('may not read %s: told, exit 3, not called damage, and nothing is changed', (_, name, mode) => {
    const directory = copyOf(NOBODY)
    chmodSync(join(directory, name), mode)
    const before = fingerprint(directory)
    for (const command of ['verify', 'inspect', 'stats']) {
      const { status, stdout, stderr } = asNobody([CLI, command, directory])
      expect({ command, status }).toEqual({ command, status: 3 })
      expect(stderr).toMatch(/permission/i)
      expect(stdout).not.toMatch(/corruption|damage/)
    }
    expect(openAsNobody(directory)).toMatch(/^ERR_WAL_PERMISSION /)
    expect(fingerprint(directory)).toEqual(before)
  })

  test.skipIf(!reaches)('may look at a log of root that is closed to all: told, and the log stays as it is', () => {
    const directory = copyOf(0)
    const before = fingerprint(directory)
    expect(asNobody([CLI, 'verify', directory]).status).toBe(3)
    expect(openAsNobody(directory)).toMatch(/^ERR_WAL_PERMISSION /)
    expect(fingerprint(directory)).toEqual(before)
  })

  test.skipIf(!reaches)('may read, and not write: looks at it, and is refused when it opens it', () => {
    const directory = copyOf(0)
    chmodSync(directory, 0o755)
    for (const name of readdirSync(directory)) chmodSync(join(directory, name), 0o644)
    const before = fingerprint(directory)
    expect(asNobody([CLI, 'verify', directory]).status).toBe(0)
    expect(asNobody([CLI, 'inspect', directory, '--format', 'jsonl']).stdout.split('\n')).toHaveLength(21)
    expect(openAsNobody(directory)).toMatch(/^ERR_WAL_PERMISSION /)
    expect(fingerprint(directory)).toEqual(before)
  })
})

describe('files', () => {
  test('are closed to others whatever the umask', async () => {
    const former = process.umask(0)
    try {
      const directory = join(temporaryDirectory(), 'made', 'log')
      const wal = await Wal.open({ directory })
      wal.append(Operation.ADD_MEASUREMENT, 'user', null)
      await wal.durable()
      await wal.checkpoint({ label: 'kept' })
      const modes = readdirSync(directory, { recursive: true, encoding: 'utf8' }).map((name) => {
        const { mode } = statSync(join(directory, name))
        return [name, (mode & 0o777).toString(8)] as const
      })
      await wal.close()
      const directories = new Set(['archive', 'quarantine'])
      expect(modes.length).toBeGreaterThan(3)
      expect(modes.filter(([name, mode]) => mode !== (directories.has(name) ? '700' : '600'))).toEqual([])
      expect((statSync(directory).mode & 0o777).toString(8)).toBe('700')
    } finally {
      process.umask(former)
    }
  })

  test('that somebody opened to all, or made executable, or gave away, are read as before', async () => {
    const folder = temporaryDirectory()
    const directory = join(folder, 'log')
    cpSync(original, directory, { recursive: true })
    mkdirSync(join(directory, 'quarantine'), { mode: 0o777 })
    chmodSync(directory, 0o777)
    for (const name of readdirSync(directory)) chmodSync(join(directory, name), 0o777)
    if (IS_ROOT) chownSync(join(directory, SEGMENT), NOBODY, NOBODY)
    expect((await scanLog(directory)).damage).toEqual([])
    const wal = await Wal.open({ directory, maintenance: false })
    expect(wal.append(Operation.ADD_MEASUREMENT, 'user', null)).toBe(21)
    await wal.close()
  })
})
