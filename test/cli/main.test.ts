/**
 * Proves what the command line promises whatever the command: help, version, exit codes for usage errors with a
 * suggestion, the option forms of commands, colours, a reader that goes away, and Ctrl-C.
 */
import { spawn } from 'node:child_process'
import { closeSync, existsSync, openSync, readdirSync, readFileSync, readlinkSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { CLI, runCli, startCli } from '../support/command-line.js'
import { flipBit } from '../support/damage.js'
import { closedLog, segmentFiles, unclosedLog } from '../support/logs.js'
import { temporaryDirectories } from '../support/temporary-directory.js'

const newDirectory = temporaryDirectories()
const packageJson = new URL('../../package.json', import.meta.url)
const ESCAPE = '\u001b['
/** Of a segment: to look through half of it takes a second. */
const SLOW_BYTES = 2 ** 28

async function someLog(entries = 20): Promise<string> {
  const directory = newDirectory()
  await closedLog(directory, (recorder) => recorder.measurements(entries))
  return directory
}

describe('help and version', () => {
  it('--version prints the version of package.json, and nothing else', async () => {
    const { version } = JSON.parse(readFileSync(packageJson, 'utf8')) as { version: string }
    expect(await runCli(['--version'])).toEqual({ code: 0, signal: null, stdout: `${version}\n`, stderr: '' })
  })

  it('--help lists the commands, examples and exit codes on stdout', async () => {
    const { code, stdout, stderr } = await runCli(['--help'])
    expect(code).toBe(0)
    expect(stderr).toBe('')
    for (const part of ['inspect', 'verify', 'stats', 'Examples:', 'Exit codes:']) expect(stdout).toContain(part)
  })

  it.each(['inspect', 'verify', 'stats'])('%s --help has examples', async (command) => {
    const { code, stdout } = await runCli([command, '--help'])
    expect(code).toBe(0)
    expect(stdout).toContain(`Examples:\n  ingest-wal ${command} `)
  })

  it('no command at all: help on stderr, exit 2', async () => {
    const { code, stdout, stderr } = await runCli([])
    expect(code).toBe(2)
    expect(stdout).toBe('')
    expect(stderr).toContain('Usage: ingest-wal')
  })
})

describe('usage errors exit with 2, write nothing to stdout, and suggest what was meant', () => {
  it.each([
    { name: 'an unknown command', args: ['verfy', 'x'], says: ["unknown command 'verfy'", 'Did you mean verify?'] },
    { name: 'an unknown option', args: ['verify', 'x', '--fromat', 'json'], says: ["unknown option '--fromat'", 'Did you mean --format?'] },
    { name: 'an unknown option before any command', args: ['--verfy', 'x'], says: ["unknown option '--verfy'", 'Did you mean --verify?'] },
    { name: 'a missing path', args: ['verify'], says: ["missing required argument 'path'"] },
    { name: 'a path too many', args: ['verify', 'a', 'b'], says: ['too many arguments'] },
    { name: 'a format that there is not', args: ['verify', 'x', '--format', 'xml'], says: ["'xml' is invalid", 'table, json'] },
    { name: 'an operation that there is not', args: ['inspect', 'x', '--op', 'COMIT'], says: ["'COMIT' is invalid", 'COMMIT'] },
    { name: 'an LSN that is none', args: ['inspect', 'x', '--from-lsn', '-3'], says: ["'-3' is invalid", 'whole number'] },
    { name: 'a limit of nothing', args: ['inspect', 'x', '--limit', '0'], says: ["'0' is invalid", 'whole number'] },
    { name: 'a time that is none', args: ['inspect', 'x', '--since', 'yesterday'], says: ["'yesterday' is invalid", 'ISO 8601'] }
  ])('$name', async ({ args, says }) => {
    const { code, stdout, stderr } = await runCli(args)
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' })
    for (const part of says) expect(stderr).toContain(part)
  })
})

describe('what cannot be read exits with 3 and names path and reason on stderr', () => {
  it.each(['inspect', 'verify', 'stats'])('%s of a path that is not there', async (command) => {
    const path = join(newDirectory(), 'nothing')
    const { code, stdout, stderr } = await runCli([command, path, '--format', 'json'])
    expect({ code, stdout }).toEqual({ code: 3, stdout: '' })
    expect(stderr).toContain(path)
    expect(stderr).toContain('ERR_WAL_NOT_FOUND')
  })

  it.each(['inspect', 'verify', 'stats'])('%s of a directory that holds no log', async (command) => {
    const { code, stdout, stderr } = await runCli([command, newDirectory()])
    expect({ code, stdout }).toEqual({ code: 3, stdout: '' })
    expect(stderr).toContain('ERR_WAL_NOT_A_LOG')
  })

  it('escape bytes of a path reach no terminal', async () => {
    const { code, stderr } = await runCli(['verify', `/nothing\u001b[31m\nred`])
    expect(code).toBe(3)
    expect(stderr).not.toContain('\u001b')
    expect(stderr).toContain('\\u001b[31m')
  })
})

describe('commands as options', () => {
  it.each([
    { option: '--inspect PATH', args: (path: string) => ['--inspect', path], same: (path: string) => ['inspect', path] },
    { option: '--verify PATH', args: (path: string) => ['--verify', path], same: (path: string) => ['verify', path] },
    {
      option: '--verify=PATH with options behind it',
      args: (path: string) => [`--verify=${path}`, '--format', 'json'],
      same: (path: string) => ['verify', path, '--format', 'json']
    },
    {
      option: '--inspect PATH with options before it',
      args: (path: string) => ['--format', 'csv', '--inspect', path],
      same: (path: string) => ['inspect', path, '--format', 'csv']
    }
  ])('$option works as the command of the same name', async ({ args, same }) => {
    const directory = await someLog()
    const result = await runCli(args(directory))
    expect(result).toEqual(await runCli(same(directory)))
    expect(result.code).toBe(0)
  })

  it('but not behind a command, where it would mean two', async () => {
    const directory = await someLog()
    const { code, stderr } = await runCli(['inspect', directory, '--verify', directory])
    expect(code).toBe(2)
    expect(stderr).toContain("unknown option '--verify'")
  })

  it('a value that looks like one stays a value', async () => {
    const { code, stdout } = await runCli(['inspect', await someLog(), '--user=--verify', '--format', 'jsonl'])
    expect({ code, stdout }).toEqual({ code: 0, stdout: '' })
  })
})

describe('colours', () => {
  async function damagedLog(): Promise<string> {
    const directory = await someLog()
    flipBit(join(directory, segmentFiles(directory)[0] as string), 8192 + 48 + 60)
    return directory
  }

  it('none in a pipe', async () => {
    const { stdout, stderr } = await runCli(['verify', await damagedLog()])
    expect(stdout + stderr).not.toContain(ESCAPE)
  })

  it('FORCE_COLOR asks for them', async () => {
    const { stdout } = await runCli(['verify', await damagedLog()], { FORCE_COLOR: '1' })
    expect(stdout).toContain(`${ESCAPE}31mcorruption`)
  })

  it('NO_COLOR wins over FORCE_COLOR', async () => {
    const { stdout, stderr } = await runCli(['verify', await damagedLog()], { FORCE_COLOR: '1', NO_COLOR: '1' })
    expect(stdout + stderr).not.toContain(ESCAPE)
  })
})

describe('the other end of the pipe', () => {
  it('a reader of stdout that goes away ends the command quietly with 0', async () => {
    const directory = await someLog(20_000)
    const child = spawn(process.execPath, [CLI, 'inspect', directory, '--format', 'jsonl'], { stdio: ['ignore', 'pipe', 'pipe'] })
    let stderr = ''
    child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text))
    child.stdout.once('data', () => child.stdout.destroy())
    const code = await new Promise((resolve) => child.on('close', resolve))
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
  })

  it('a disk that is full behind stdout exits with 3 and says so', async () => {
    const directory = await someLog()
    const child = spawn('sh', ['-c', '"$0" "$1" verify "$2" > /dev/full', process.execPath, CLI, directory])
    let stderr = ''
    child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text))
    const code = await new Promise((resolve) => child.on('close', resolve))
    expect(code).toBe(3)
    expect(stderr).toContain('no space left')
    expect(stderr).not.toContain(' at ')
  })
})

/** Whether the process reads `file` by now. Where the system does not tell: soon enough. */
function hasOpen(pid: number, file: string): boolean {
  const descriptors = `/proc/${pid}/fd`
  if (!existsSync('/proc/self/fd')) return true
  return readdirSync(descriptors).some((name) => targetOf(join(descriptors, name)) === file)
}

function targetOf(link: string): string | undefined {
  try {
    return readlinkSync(link)
  } catch {
    return undefined
  }
}

describe('interruption', () => {
  it.each(['SIGINT', 'SIGTERM'] as const)('%s ends with 130, and what was written so far is whole', async (signal) => {
    const running = startCli(['inspect', await someLog(), '--follow', '--format', 'json'])
    await running.lines(20)
    running.child.kill(signal)
    const { code, stdout, stderr } = await running.result
    expect(code).toBe(130)
    expect(stderr).toContain('interrupted')
    expect(JSON.parse(stdout)).toHaveLength(20)
  })

  it('does not wait for the end of a log that takes long to check', async () => {
    const directory = newDirectory()
    await unclosedLog(directory, newDirectory(), (recorder) => recorder.measurements(20), { segmentBytes: SLOW_BYTES })
    const file = join(directory, segmentFiles(directory)[0] as string)
    // What looks like the beginning of an entry, again and again: its checksum has to be looked at each time.
    const looksLikeEntries = Buffer.alloc(SLOW_BYTES / 2, Buffer.from('57414c4500000000', 'hex'))
    const written = openSync(file, 'r+')
    writeSync(written, looksLikeEntries, 0, looksLikeEntries.length, SLOW_BYTES / 4)
    closeSync(written)
    const running = startCli(['verify', directory])
    while (!hasOpen(running.child.pid as number, file)) await new Promise((resolve) => setTimeout(resolve, 5))
    running.child.kill('SIGINT')
    const { code, signal, stderr } = await running.result
    expect(code === 130 || signal === 'SIGINT').toBe(true)
    expect(stderr).toContain('interrupted')
  })
})
