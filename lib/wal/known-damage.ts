/** The damaged places of a log, each counted once however often it is read. */
import type { Damage } from './types.js'

/** Behind so many, places are only counted, and counted again when they are read again. */
const MOST_REMEMBERED = 10_000

export class KnownDamage {
  readonly #places = new Set<string>()
  readonly #counts: Record<string, number>

  /** `kinds`: every kind that there is, so that each has a count from the beginning. */
  constructor(kinds: readonly string[], found: readonly Damage[]) {
    this.#counts = Object.fromEntries(kinds.map((kind) => [kind, 0]))
    for (const damage of found) this.add(damage)
  }

  add({ kind, segment, offset }: Damage): void {
    const place = `${kind} ${segment} ${offset}`
    if (this.#places.has(place)) return
    if (this.#places.size < MOST_REMEMBERED) this.#places.add(place)
    this.#counts[kind] = (this.#counts[kind] ?? 0) + 1
  }

  /** Damaged places of each kind. */
  get counts(): Readonly<Record<string, number>> {
    return { ...this.#counts }
  }
}
