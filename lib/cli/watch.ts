/** `stats DIR --watch`: what a log does now, again and again, until somebody has seen enough. */
import { safeJson } from './escape.js'
import { ExitCode } from './exit-codes.js'
import { unlessAborted, type CliSession } from './session.js'
import { frameOf, Terminal } from './terminal.js'
import { KEPT_LOOKS, screenLines } from './watch-screen.js'
import { looksAt, WatchSampler, type WatchSample } from './watch-sample.js'

export interface WatchOptions {
  directory: string
  intervalSeconds: number
  format: 'table' | 'json'
}

/** Where looks are shown. */
interface Display {
  show(looks: readonly WatchSample[]): Promise<void>
  /** Resolves when somebody at the terminal wants no more. */
  quit: Promise<void>
  close(): void
}

const PLAIN_COLUMNS = 100
const HELP = 'q quits'

/** Shows one look each interval. Throws what the first look does, and `ERR_WAL_ABORTED` when `session.signal` fires. */
export async function watch(options: WatchOptions, session: Pick<CliSession, 'output' | 'signal'>): Promise<ExitCode> {
  const sampler = new WatchSampler(looksAt(options.directory))
  const { signal } = session
  try {
    const looks: WatchSample[] = [await unlessAborted(sampler.look(), signal)]
    const display = displayFor(options, session)
    try {
      await run(sampler, looks, display, options.intervalSeconds * 1000, signal)
    } finally {
      display.close()
    }
  } finally {
    // What is being read in a thread goes on for a moment; nobody waits for it.
    void sampler.close()
  }
  return ExitCode.clean
}

async function run(sampler: WatchSampler, looks: WatchSample[], display: Display, intervalMs: number, signal: AbortSignal): Promise<void> {
  let isOver = false
  const quit = display.quit.then(() => (isOver = true))
  for (let nextMs = performance.now() + intervalMs; ; nextMs = Math.max(nextMs + intervalMs, performance.now())) {
    await unlessAborted(display.show(looks), signal)
    let timer: NodeJS.Timeout | undefined
    const passed = new Promise<void>((resolve) => (timer = setTimeout(resolve, nextMs - performance.now())))
    try {
      await unlessAborted(Promise.race([passed, quit]), signal)
    } finally {
      clearTimeout(timer)
    }
    if (isOver) return
    looks.push(await unlessAborted(sampler.look(), signal))
    if (looks.length > KEPT_LOOKS) looks.shift()
  }
}

const never = new Promise<never>(() => undefined)

function displayFor(options: WatchOptions, session: Pick<CliSession, 'output'>): Display {
  if (options.format === 'json') return linesOf(session, (looks) => `${safeJson(looks.at(-1))}\n`)
  const isScreen = process.stdout.isTTY === true && process.env['TERM'] !== 'dumb'
  if (isScreen) return screenOf(options.directory, session)
  const { output } = session
  const view = { directory: options.directory, columns: output.columns ?? PLAIN_COLUMNS, rows: Infinity, help: '' }
  const block = (looks: readonly WatchSample[]): string =>
    screenLines(looks, { ...view, style: (style, text) => output.style(style, text) })
      .filter((line) => line !== '')
      .join('\n')
  return linesOf(session, (looks) => `${block(looks)}\n\n`)
}

/** One piece of text after the other, as pipes and files have it. */
function linesOf({ output }: Pick<CliSession, 'output'>, text: (looks: readonly WatchSample[]) => string): Display {
  return {
    quit: never,
    close: () => undefined,
    show: async (looks) => {
      await output.write(text(looks))
      await output.flush()
    }
  }
}

function screenOf(directory: string, { output }: Pick<CliSession, 'output'>): Display {
  const terminal = new Terminal(process.stdout, process.stdin, process)
  let shown: readonly WatchSample[] = []
  const show = async (looks: readonly WatchSample[]): Promise<void> => {
    shown = looks
    const { columns, rows } = terminal
    const help = terminal.hasKeys ? HELP : 'Ctrl-C quits'
    const lines = screenLines(shown, { directory, columns, rows, help, style: (style, text) => output.style(style, text) })
    await output.write(frameOf(lines, rows))
    await output.flush()
  }
  const quit = new Promise<void>((resolve) => {
    terminal.onKey = (key) => {
      if (key === 'q' || key === 'Q') resolve()
    }
  })
  // A reader of stdout that is gone is told by the session's signal.
  terminal.onRedraw = () => void show(shown).catch(() => undefined)
  terminal.open()
  return { quit, show, close: () => terminal.close() }
}
