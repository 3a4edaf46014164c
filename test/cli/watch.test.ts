/**
 * Proves that `stats --watch` goes on looking while a writer in another process comes, works, dies and comes back; that it
 * ends as it should, by a key, a signal, or a reader that is gone; and that a real terminal is given back by each of them.
 */
import { spawn, spawnSync, type ChildProcess } from 'node:child_process'
import { describe, expect, it, onTestFinished } from 'vitest'
import type { WatchSample } from '../../lib/cli/watch-sample.js'
import { CLI, runCli, startCli, type RunningCli } from '../support/command-line.js'
import { closedLog, fingerprint } from '../support/logs.js'
import { temporaryDirectories } from '../support/temporary-directory.js'
import { startWriter } from './support.js'

const newDirectory = temporaryDirectories()
const FAST = ['--watch', '--interval', '0.1']

async function someLog(): Promise<string> {
  const directory = newDirectory()
  await closedLog(directory, (recorder) => recorder.measurements(10))
  return directory
}

function start(args: readonly string[], environment?: NodeJS.ProcessEnv): RunningCli {
  const cli = startCli(args, environment)
  onTestFinished(() => void cli.child.kill('SIGKILL'))
  return cli
}

/** The first look, from line `from` on, of which `holds` says so; and on which line it is. */
async function until(cli: RunningCli, from: number, holds: (sample: WatchSample) => boolean): Promise<{ sample: WatchSample; line: number }> {
  for (let line = from; ; line++) {
    const sample = JSON.parse((await cli.lines(line + 1))[line] as string) as WatchSample
    if (holds(sample)) return { sample, line }
  }
}

describe('into a pipe', () => {
  it('as JSON: an object a line, while writers come and go', async () => {
    const directory = newDirectory()
    const writer = await startWriter(directory)
    const cli = start(['stats', directory, ...FAST, '--format', 'json'])
    const first = await until(cli, 0, ({ live }) => live)
    await writer.tell('measure 50')
    const staged = await until(cli, first.line, (sample) => (sample.writer?.stagedLsn ?? 0) >= 50)
    await writer.tell('flush')
    const durable = await until(cli, staged.line, (sample) => sample.writer?.durableLsn === staged.sample.writer?.stagedLsn)
    expect(durable.sample.writer).toMatchObject({ state: 'ok', ringBytes: 0, syncs: 1 })
    const counted = await until(cli, durable.line, ({ buffers, disk }) => buffers !== null && disk !== null)
    await writer.kill()
    const dead = await until(cli, counted.line, ({ live }) => !live)
    expect(dead.sample.writer?.durableLsn).toBe(durable.sample.writer?.durableLsn)
    const next = await startWriter(directory)
    const again = await until(cli, dead.line, ({ live }) => live)
    await next.tell('close')
    await until(cli, again.line, ({ live, writer: seen }) => !live && seen === null)
    cli.child.kill('SIGINT')
    expect(await cli.result).toMatchObject({ code: 130, stderr: expect.stringContaining('interrupted') as string })
  })

  it('as blocks of text, with an empty line behind each', async () => {
    const cli = start(['stats', await someLog(), ...FAST])
    const lines = await cli.lines(20)
    const block = lines.slice(0, lines.indexOf(''))
    expect(block[1]).toBe('no writer: the log is closed')
    expect(lines[block.length + 2]).toBe(block[1])
    expect(block).toContain('segments    1: 1 not compressed, 0 compressed')
    expect(cli.stdout()).not.toContain('\u001b')
    cli.child.kill('SIGTERM')
    expect((await cli.result).code).toBe(130)
  })

  it('ends when nobody reads any more', async () => {
    const cli = start(['stats', await someLog(), ...FAST])
    await cli.lines(3)
    cli.child.stdout?.destroy()
    expect(await cli.result).toMatchObject({ code: 0, stderr: '' })
  })

  it('changes nothing', async () => {
    const directory = await someLog()
    const before = fingerprint(directory)
    const cli = start(['stats', directory, ...FAST, '--format', 'json'])
    await until(cli, 0, ({ buffers, disk }) => buffers !== null && disk !== null)
    cli.child.kill('SIGINT')
    await cli.result
    expect(fingerprint(directory)).toEqual(before)
  })
})

it('what cannot be watched says so', async () => {
  const log = await someLog()
  const cases = [
    { args: [`${log}/absent`, '--watch'], code: 3 },
    { args: [`${log}/0000000000000001.wal`, '--watch'], code: 2 },
    { args: [log, '--interval', '1'], code: 2 },
    { args: [log, '--watch', '--interval', '0'], code: 2 },
    { args: [log, '--watch', '--interval', 'soon'], code: 2 }
  ]
  await Promise.all(
    cases.map(async ({ args, code }) => {
      const result = await runCli(['stats', ...args])
      expect({ args, code: result.code, stdout: result.stdout, told: result.stderr !== '' }).toEqual({ args, code, stdout: '', told: true })
    })
  )
})

/** util-linux's `script` makes a terminal; BSD's takes other options. */
const hasTerminals = spawnSync('script', ['-qec', 'true', '/dev/null'], { stdio: 'ignore' }).status === 0

describe('on a terminal', () => {
  const ENTER = '\u001b[?1049h\u001b[?25l\u001b[?7l'
  const LEAVE = '\u001b[?7h\u001b[?25h\u001b[?1049l'

  interface Session {
    child: ChildProcess
    text: () => string
    /** Resolves when `what` has been shown. */
    shown: (what: RegExp) => Promise<void>
    /** The process id of the command. */
    pid: () => number
    ended: Promise<number | null>
  }

  /** Runs the command on a terminal of `columns`, with the terminal's own settings shown before and behind it. */
  function onTerminal(directory: string, columns: number, environment: NodeJS.ProcessEnv = {}): Session {
    const command = `stty cols ${columns} rows 24; stty -g; sh -c 'echo "pid $$"; exec "$0" "$@"' ${process.execPath} ${CLI} stats ${directory} ${FAST.join(' ')}; code=$?; stty -g; exit $code`
    const { NO_COLOR: _no, FORCE_COLOR: _force, NODE_OPTIONS: _options, ...rest } = process.env
    const child = spawn('script', ['-qec', command, '/dev/null'], { stdio: ['pipe', 'pipe', 'inherit'], env: { ...rest, TERM: 'xterm-256color', ...environment } })
    onTestFinished(() => void child.kill('SIGKILL'))
    let text = ''
    child.stdout.setEncoding('utf8').on('data', (piece: string) => (text += piece))
    const ended = new Promise<number | null>((resolve) => child.once('close', resolve))
    const shown = async (what: RegExp): Promise<void> => {
      while (!what.test(text)) {
        if (child.exitCode !== null) throw new Error(`ended before ${String(what)} was shown: ${JSON.stringify(text)}`)
        await new Promise((resolve) => setTimeout(resolve, 10))
      }
    }
    return { child, text: () => text, shown, pid: () => Number(/pid (\d+)/.exec(text)?.[1]), ended }
  }

  function expectGivenBack({ text }: Session): void {
    expect(text().split(ENTER)).toHaveLength(2)
    expect(text().split(LEAVE)).toHaveLength(2)
    expect(text().indexOf(LEAVE)).toBeGreaterThan(text().indexOf(ENTER))
    const settings = text().match(/[0-9a-f]+(:[0-9a-f]+){10,}/g)
    expect(settings).toHaveLength(2)
    expect(settings?.[1]).toBe(settings?.[0])
  }

  it.each<[string, (session: Session) => void, number]>([
    ['q', ({ child }) => child.stdin?.write('q'), 0],
    ['Ctrl-C', ({ child }) => child.stdin?.write('\u0003'), 130],
    ['SIGTERM', ({ pid }) => process.kill(pid(), 'SIGTERM'), 130],
    ['SIGINT', ({ pid }) => process.kill(pid(), 'SIGINT'), 130]
  ])('%s ends it, and the terminal is as before', async (_, end, code) => {
    if (!hasTerminals) return void process.stderr.write('script of util-linux is not here: no terminal is tried\n')
    const session = onTerminal(await someLog(), 80)
    await session.shown(/q quits/)
    end(session)
    expect(await session.ended).toBe(code)
    expectGivenBack(session)
  })

  it('draws in place, no line wider than it, in colours unless NO_COLOR is set', async () => {
    if (!hasTerminals) return void process.stderr.write('script of util-linux is not here: no terminal is tried\n')
    for (const [environment, coloured] of [[{}, true], [{ NO_COLOR: '1' }, false]] as const) {
      const session = onTerminal(await someLog(), 60, environment)
      await session.shown(/q quits[^]*q quits/)
      session.child.stdin?.write('q')
      await session.ended
      const frames = session.text().split('\u001b[H').slice(1)
      expect(frames.length).toBeGreaterThan(1)
      for (const frame of frames) {
        const lines = (frame.split('\u001b[J')[0] as string).split('\r\n').map((line) => line.replace(/\u001b\[[\d;]*[mK]|\r/g, ''))
        expect(lines.filter((line) => line.length > 60)).toEqual([])
      }
      expect(/\u001b\[\d+m/.test(session.text())).toBe(coloured)
    }
  })

  it('a terminal that can do nothing gets blocks', async () => {
    if (!hasTerminals) return void process.stderr.write('script of util-linux is not here: no terminal is tried\n')
    const session = onTerminal(await someLog(), 80, { TERM: 'dumb' })
    await session.shown(/no writer[^]*no writer/)
    process.kill(session.pid(), 'SIGINT')
    expect(await session.ended).toBe(130)
    expect(session.text()).not.toContain('\u001b')
  })
})
