/** Where the command line writes: data to stdout, everything else to stderr, colours only where somebody looks. */
import { styleText } from 'node:util'

export type Style = 'bold' | 'dim' | 'red' | 'green' | 'yellow'

/** Thrown by `write` when nobody reads stdout any more (`ingest-wal inspect … | head`). Not an error to report. */
export class StdoutClosed extends Error {
  constructor() {
    super('stdout was closed by its reader')
    this.name = 'StdoutClosed'
  }
}

/** What a command writes to. */
export interface Output {
  /** Data. Throws `StdoutClosed`. Small pieces are gathered: `flush` when somebody waits for them. */
  write(text: string): Promise<void>
  flush(): Promise<void>
  /** One line for a person, on stderr. */
  note(line: string): void
  /** `text` coloured for stdout, or as it is. */
  style(style: Style, text: string): string
  /** `text` coloured for stderr, or as it is. */
  noteStyle(style: Style, text: string): string
  /** Columns of the terminal on stdout, undefined when it is none. */
  readonly columns: number | undefined
}

const GATHERED_CHARACTERS = 64 * 1024

type Stream = NodeJS.WritableStream & { isTTY?: boolean; columns?: number }

/** Whether `stream` gets colours: NO_COLOR forbids them, FORCE_COLOR asks for them, else a terminal decides. */
export function wantsColour(environment: Readonly<Record<string, string | undefined>>, isTerminal: boolean): boolean {
  const { NO_COLOR: never, FORCE_COLOR: always } = environment
  if (never !== undefined && never !== '') return false
  if (always !== undefined) return always !== '0' && always !== 'false'
  return isTerminal && environment['TERM'] !== 'dumb'
}

export class StreamOutput implements Output {
  readonly #stdout: Stream
  readonly #stderr: Stream
  readonly #colour: boolean
  readonly #noteColour: boolean
  #gathered: string[] = []
  #gatheredCharacters = 0
  #closed = false

  /** `onClosed` is called once, when the reader of stdout is gone. */
  constructor(stdout: Stream, stderr: Stream, environment: NodeJS.ProcessEnv, onClosed: () => void) {
    this.#stdout = stdout
    this.#stderr = stderr
    this.#colour = wantsColour(environment, stdout.isTTY === true)
    this.#noteColour = wantsColour(environment, stderr.isTTY === true)
    // Any other error reaches `flush` through its callback.
    stdout.on('error', (error: NodeJS.ErrnoException) => {
      if (error.code !== 'EPIPE' || this.#closed) return
      this.#closed = true
      onClosed()
    })
    // Nobody is left to be told: what was to be said on stderr is lost, the work is not.
    stderr.on('error', () => undefined)
  }

  get columns(): number | undefined {
    return this.#stdout.isTTY === true ? this.#stdout.columns : undefined
  }

  async write(text: string): Promise<void> {
    if (this.#closed) throw new StdoutClosed()
    this.#gathered.push(text)
    this.#gatheredCharacters += text.length
    if (this.#gatheredCharacters >= GATHERED_CHARACTERS) await this.flush()
  }

  async flush(): Promise<void> {
    if (this.#gathered.length === 0) return
    const text = this.#gathered.join('')
    this.#gathered = []
    this.#gatheredCharacters = 0
    await new Promise<void>((resolve, reject) => {
      this.#stdout.write(text, (error) => {
        if (error === undefined || error === null) resolve()
        else reject((error as NodeJS.ErrnoException).code === 'EPIPE' ? new StdoutClosed() : error)
      })
    })
  }

  note(line: string): void {
    this.#stderr.write(`${line}\n`)
  }

  style(style: Style, text: string): string {
    return this.#colour ? painted(style, text) : text
  }

  noteStyle(style: Style, text: string): string {
    return this.#noteColour ? painted(style, text) : text
  }
}

// What the stream is was decided above; newer versions of Node would decide once more, for stdout.
const unconditionally = { validateStream: false } as const

function painted(style: Style, text: string): string {
  return (styleText as (style: Style, text: string, options: typeof unconditionally) => string)(style, text, unconditionally)
}
