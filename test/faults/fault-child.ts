/** A process in which calls fail as it is told (children/fault-cases.mjs), started again when it has been killed. */
import { spawn, type ChildProcessWithoutNullStreams } from 'node:child_process'
import { once } from 'node:events'
import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface, type Interface } from 'node:readline'
import { FaultControl, type Fault } from './children/fault-control.mjs'

export type Phase = 'open' | 'append' | 'rotation' | 'recovery' | 'read' | 'checkpoint' | 'close'
export type Case = Fault & { phase: Phase }

export interface Answer {
  /** Calls of the kind in the phase, and how many of them failed. */
  count: number
  hits: number
  /** What was not as it has to be. */
  problems: string[]
  /** What callers were told: 'durable ERR_WAL_FAILED'. */
  codes: string[]
  /** Entries that were told to be lost. */
  costs: number
}

/** Longer than any life takes, however busy the machine: what has not ended by then hangs. */
const WATCHDOG_MS = 60_000
const PROGRAM = join(import.meta.dirname, 'children/fault-cases.mjs')

export class FaultChild {
  readonly #shim: string
  readonly #log: string
  readonly #controlFile: string
  #process: ChildProcessWithoutNullStreams | undefined
  #lines: AsyncIterator<string> | undefined
  #reader: Interface | undefined
  #stderr = ''

  constructor(shim: string, directory: string) {
    this.#shim = shim
    this.#log = join(directory, 'log')
    this.#controlFile = join(directory, 'control')
    new FaultControl(this.#controlFile, this.#log).close()
  }

  /** The answer, or 'killed' when the process died of the fault. Throws when it hangs or ends otherwise. */
  async ask(question: Case | { phase: 'after death' }): Promise<Answer | 'killed'> {
    const child = (this.#process ??= this.#start())
    child.stdin.write(`${JSON.stringify(question)}\n`)
    const line = await this.#line(question)
    if (line !== undefined) return JSON.parse(line) as Answer
    this.#process = undefined
    if (child.exitCode === null && child.signalCode === null) await once(child, 'exit')
    if (child.signalCode === 'SIGKILL') return 'killed'
    throw new Error(`${JSON.stringify(question)}: the process ended with ${child.signalCode ?? child.exitCode}: ${this.#stderr}`)
  }

  /** Ends it; it goes by itself, with exit code 0. */
  async end(): Promise<number | null> {
    const child = this.#process
    if (child === undefined) return 0
    child.stdin.end()
    if (child.exitCode === null) await once(child, 'exit')
    this.#process = undefined
    return child.exitCode
  }

  /** For whoever gives up. */
  kill(): void {
    this.#process?.kill('SIGKILL')
    rmSync(this.#controlFile, { force: true })
  }

  #start(): ChildProcessWithoutNullStreams {
    // Behind what is loaded already: the runtime of a sanitizer has to come first.
    const preloaded = [process.env['LD_PRELOAD'], this.#shim].filter((each) => each !== undefined).join(':')
    const env = { ...process.env, LD_PRELOAD: preloaded, INGEST_WAL_FAULT_CONTROL: this.#controlFile }
    const child = spawn(process.execPath, [PROGRAM, this.#log, this.#controlFile], { env, stdio: 'pipe' })
    this.#stderr = ''
    child.stderr.on('data', (bytes: Buffer) => (this.#stderr += bytes.toString()))
    // It may be gone when it is told the next.
    child.stdin.on('error', () => undefined)
    this.#reader = createInterface({ input: child.stdout })
    this.#lines = this.#reader[Symbol.asyncIterator]()
    return child
  }

  async #line(question: unknown): Promise<string | undefined> {
    let timer: NodeJS.Timeout | undefined
    const hung = new Promise<never>((_, reject) => {
      timer = setTimeout(() => reject(new Error(`${JSON.stringify(question)}: hangs`)), WATCHDOG_MS)
    })
    try {
      const next = await Promise.race([this.#lines?.next(), hung])
      return next?.done === true ? undefined : next?.value
    } finally {
      clearTimeout(timer)
    }
  }
}
