/** When segments ended. The files say it, not their mtimes. */
import { join } from 'node:path'
import { readLogChunks } from '../wal/inspect.js'
import type { LogFiles } from './files.js'

export class SegmentTimes {
  readonly #directory: string
  /** When segments had their first entry, as far as it was asked. */
  readonly #begunMs = new Map<number, number>()

  constructor(directory: string) {
    this.#directory = directory
  }

  /**
   * When the segments up to `through` that ended before `beforeMs` had their last entry: no later than the next one had its first.
   * Goes no further than to the first that did not.
   */
  async endedBefore(beforeMs: number, { segments }: LogFiles, through: number, signal: AbortSignal): Promise<Map<number, number>> {
    const endedMs = new Map<number, number>()
    for (const [index, { number }] of segments.entries()) {
      const next = segments[index + 1]
      if (number > through || next === undefined) break
      const ended = await this.#begunAt(next.number, next.names[0] as string, signal)
      if (ended === undefined || ended >= beforeMs) break
      endedMs.set(number, ended)
    }
    return endedMs
  }

  /** The segment is gone. */
  forget(number: number): void {
    this.#begunMs.delete(number)
  }

  async #begunAt(number: number, name: string, signal: AbortSignal): Promise<number | undefined> {
    const known = this.#begunMs.get(number)
    if (known !== undefined) return known
    for await (const chunk of readLogChunks(join(this.#directory, name), { signal })) {
      this.#begunMs.set(number, chunk.timestamp(0))
      return chunk.timestamp(0)
    }
    return undefined
  }
}
