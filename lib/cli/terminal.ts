/**
 * A terminal that a command has for itself: another screen than the shell's, keys without Enter. However the command ends,
 * the shell gets its terminal back as it was.
 */

export interface TerminalOutput {
  readonly columns?: number
  readonly rows?: number
  write(text: string): unknown
  on(event: 'resize', listener: () => void): unknown
  off(event: 'resize', listener: () => void): unknown
}

export interface TerminalInput {
  readonly isTTY?: boolean
  setRawMode?(raw: boolean): unknown
  resume(): unknown
  pause(): unknown
  on(event: 'data', listener: (bytes: Buffer) => void): unknown
  off(event: 'data', listener: (bytes: Buffer) => void): unknown
}

/** The process, as far as a terminal has to do with it. */
export interface TerminalProcess {
  readonly pid: number
  on(event: 'exit' | 'SIGCONT', listener: () => void): unknown
  off(event: 'exit' | 'SIGCONT', listener: () => void): unknown
  kill(pid: number, signal: 'SIGINT' | 'SIGTSTP'): unknown
}

const ESCAPE = '\u001b'
// Another screen; no cursor; a line that is too long is cut instead of going on in the next one.
const ENTER = `${ESCAPE}[?1049h${ESCAPE}[?25l${ESCAPE}[?7l`
const LEAVE = `${ESCAPE}[?7h${ESCAPE}[?25h${ESCAPE}[?1049l`
const HOME = `${ESCAPE}[H`
const CLEAR_LINE = `${ESCAPE}[2K`
const CLEAR_TO_SCREEN_END = `${ESCAPE}[J`
const CTRL_C = '\u0003'
const CTRL_Z = '\u001a'
const USUAL_COLUMNS = 80
const USUAL_ROWS = 24

/**
 * The text that puts `lines` in place of what a screen of `rows` rows shows, without a moment at which it is empty. A line is
 * cleared before it is written: behind a full one, the cursor still stands on its last character.
 */
export function frameOf(lines: readonly string[], rows: number): string {
  const drawn = lines.slice(0, rows).map((line) => CLEAR_LINE + line)
  if (drawn.length < rows) drawn.push(CLEAR_TO_SCREEN_END)
  return HOME + drawn.join('\r\n')
}

export class Terminal {
  readonly #output: TerminalOutput
  readonly #input: TerminalInput
  readonly #process: TerminalProcess
  #isOpen = false

  /** Called with each key that is not Ctrl-C or Ctrl-Z, which do what they always do. */
  onKey: (key: string) => void = () => undefined
  /** Called when what is shown has to be drawn anew: the size has changed, or the shell had the terminal meanwhile. */
  onRedraw: () => void = () => undefined

  constructor(output: TerminalOutput, input: TerminalInput, process: TerminalProcess) {
    this.#output = output
    this.#input = input
    this.#process = process
  }

  get columns(): number {
    return this.#output.columns ?? USUAL_COLUMNS
  }

  get rows(): number {
    return this.#output.rows ?? USUAL_ROWS
  }

  /** Whether keys arrive: stdin is a terminal too. */
  get hasKeys(): boolean {
    return this.#input.isTTY === true
  }

  open(): void {
    if (this.#isOpen) return
    this.#isOpen = true
    this.#process.on('exit', this.#restore)
    this.#output.on('resize', this.#redraw)
    this.#output.write(ENTER)
    if (!this.hasKeys) return
    this.#input.setRawMode?.(true)
    this.#input.on('data', this.#take)
    this.#input.resume()
  }

  /** May be called again and again. */
  close(): void {
    this.#process.off('SIGCONT', this.#comeBack)
    if (!this.#isOpen) return
    this.#process.off('exit', this.#restore)
    this.#output.off('resize', this.#redraw)
    this.#restore()
  }

  readonly #restore = (): void => {
    if (!this.#isOpen) return
    this.#isOpen = false
    if (this.hasKeys) {
      this.#input.off('data', this.#take)
      this.#input.setRawMode?.(false)
      this.#input.pause()
    }
    this.#output.write(LEAVE)
  }

  readonly #redraw = (): void => this.onRedraw()

  readonly #take = (bytes: Buffer): void => {
    for (const key of bytes.toString('latin1')) {
      if (key === CTRL_C) this.#process.kill(this.#process.pid, 'SIGINT')
      else if (key === CTRL_Z) this.#stepAside()
      else this.onKey(key)
    }
  }

  /** Ctrl-Z: the shell has its terminal until it continues this process. */
  #stepAside(): void {
    this.close()
    this.#process.on('SIGCONT', this.#comeBack)
    this.#process.kill(this.#process.pid, 'SIGTSTP')
  }

  readonly #comeBack = (): void => {
    this.#process.off('SIGCONT', this.#comeBack)
    this.open()
    this.onRedraw()
  }
}
