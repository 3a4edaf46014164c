/** An output that keeps what is written to it, for commands that are run in this process. */
import type { Output, Style } from '../../lib/cli/output.js'

export class RecordedOutput implements Output {
  stdout = ''
  readonly notes: string[] = []
  readonly columns = undefined
  readonly #onFlush: () => void

  /** `onFlush` is called whenever the command has nothing more to say for now. */
  constructor(onFlush: () => void = () => undefined) {
    this.#onFlush = onFlush
  }

  write(text: string): Promise<void> {
    this.stdout += text
    return Promise.resolve()
  }

  flush(): Promise<void> {
    this.#onFlush()
    return Promise.resolve()
  }

  note(line: string): void {
    this.notes.push(line)
  }

  style(_style: Style, text: string): string {
    return text
  }

  noteStyle(_style: Style, text: string): string {
    return text
  }

  /** The lines of stdout. */
  lines(): string[] {
    return this.stdout.split('\n').slice(0, -1)
  }
}
