/** Entries one by one, for `for await`. */
import type { Entry, EntryChunk } from './types.js'

/**
 * The entries of `chunks`. An iterator of its own and not a generator: a generator costs three turns of the microtask queue an
 * entry, this costs one.
 */
export function entriesOf(chunks: AsyncGenerator<EntryChunk, void, undefined>): AsyncGenerator<Entry, void, undefined> {
  return new EntryIterator(chunks)
}

type Result = IteratorResult<Entry, void>

class EntryIterator implements AsyncGenerator<Entry, void, undefined> {
  readonly #chunks: AsyncGenerator<EntryChunk, void, undefined>
  #chunk: EntryChunk | undefined
  #length = 0
  #at = 0
  /** Calls that wait for a chunk; those made meanwhile wait behind them. */
  #waiting = 0
  #last: Promise<unknown> = Promise.resolve()

  constructor(chunks: AsyncGenerator<EntryChunk, void, undefined>) {
    this.#chunks = chunks
  }

  next(): Promise<Result> {
    if (this.#at < this.#length && this.#waiting === 0) return Promise.resolve(this.#take())
    return this.#inTurn(() => this.#pull())
  }

  return(): Promise<Result> {
    return this.#inTurn(async () => {
      this.#end()
      await this.#chunks.return()
      return { done: true, value: undefined }
    })
  }

  async throw(error: unknown): Promise<Result> {
    await this.return()
    throw error
  }

  [Symbol.asyncIterator](): this {
    return this
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.return()
  }

  #take(): Result {
    return { done: false, value: (this.#chunk as EntryChunk).entry(this.#at++) }
  }

  async #pull(): Promise<Result> {
    while (this.#at >= this.#length) {
      const { done, value } = await this.#chunks.next()
      if (done === true) {
        this.#end()
        return { done: true, value: undefined }
      }
      this.#chunk = value
      this.#length = value.length
      this.#at = 0
    }
    return this.#take()
  }

  #end(): void {
    this.#chunk = undefined
    this.#at = this.#length = 0
  }

  /** Behind the calls made before, whatever becomes of them. */
  #inTurn(call: () => Promise<Result>): Promise<Result> {
    this.#waiting++
    const result = this.#last.then(call).finally(() => this.#waiting--)
    this.#last = result.catch(() => undefined)
    return result
  }
}
