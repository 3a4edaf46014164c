/**
 * The losses of a log that is open: what earlier starts have left unacknowledged, and what this one finds. The event loop waits for
 * no disk: answers come from memory, files are read and written meanwhile. Costs nothing while nothing is lost.
 */
import { randomUUID } from 'node:crypto'
import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { moveToQuarantine } from '../repair/quarantine.js'
import type { Damage } from '../wal/types.js'
import { acknowledgeLosses, lossFailure } from './acknowledge.js'
import { isMendedByStart, KnownPlaces, LOSS_FILE_KIND, lossOf, MOST_COPIES, type Loss } from './loss.js'
import { acknowledgedFileIdentity, LOSSES_FILE, MOST_LOSSES, NO_FILE, readAcknowledgedFile, readLossFile, writeLossFile } from './loss-files.js'

const LOOK_MS = 1000
const QUARANTINE = 'quarantine'

export class LossLedger {
  readonly #directory: string
  /** Not acknowledged, the oldest first. */
  #losses: Loss[] = []
  /** Of `#losses`, those that an earlier start has found. */
  readonly #earlier = new Set<Loss>()
  #known = new KnownPlaces()
  #acknowledged = new KnownPlaces()
  /** Of `acknowledged.json` as it was read. */
  #identity = NO_FILE
  #acknowledgedProblem: string | undefined
  #writeProblem: string | undefined
  #truncated = false
  /** The loss of a file that cannot be read and has its name still. */
  #unusable: Loss | undefined
  /** Whether the file says less, or more, than is known. */
  #isDirty = false
  #saving: Promise<void> | undefined
  #looks: NodeJS.Timeout | undefined
  #looking: Promise<void> | undefined
  #isClosed = false

  private constructor(directory: string) {
    this.#directory = directory
  }

  /**
   * For the process that has the log's lock. `found`: what recovery has just met; it is written down before this resolves, where
   * that is possible (`problems` says so otherwise). Throws `ERR_WAL_IO` for what passes alone: no descriptors, no memory.
   */
  static async open(directory: string, found: readonly Damage[]): Promise<LossLedger> {
    const ledger = new LossLedger(directory)
    try {
      await ledger.#begin(found)
    } catch (error) {
      throw lossFailure(directory, error)
    }
    return ledger
  }

  /** What this start has found, or reading since, that nobody has acknowledged. */
  get current(): Damage[] {
    return this.#losses.filter((loss) => !this.#earlier.has(loss)).map(({ damage }) => damage)
  }

  /** What earlier starts have found that nobody has acknowledged, and that this one has not met. */
  get earlier(): Loss[] {
    return this.#losses.filter((loss) => this.#earlier.has(loss))
  }

  /** A sentence for each thing that is wrong with the keeping of losses. */
  get problems(): string[] {
    const truncated = this.#truncated ? `more losses were found than ${LOSSES_FILE} keeps (${MOST_LOSSES})` : undefined
    return [this.#acknowledgedProblem, this.#writeProblem, truncated].filter((problem) => problem !== undefined)
  }

  /** A damage that reading has met. */
  add(damage: Damage): void {
    if (this.#isClosed || !this.#note(damage)) return
    void this.#save()
    this.#lookNowAndThen()
  }

  /** Acknowledges all that is known now; resolves, with what that was, when it is durable. Throws what `acknowledgeLosses` throws. */
  async acknowledge(): Promise<Damage[]> {
    const seen = [...this.#losses]
    if (this.#hasNews) await acknowledgeLosses(this.#directory, seen, [])
    // One that is under way may have looked before.
    await this.#looking
    await this.#look()
    return seen.map(({ damage }) => damage)
  }

  /** Writes down what is not yet; for the time before the lock is released. Never rejects. */
  async close(): Promise<void> {
    this.#isClosed = true
    clearInterval(this.#looks)
    if (this.#isDirty) await this.#save()
    await this.#saving
  }

  async #begin(found: readonly Damage[]): Promise<void> {
    const kept = await readLossFile(this.#directory)
    for (const loss of kept.content?.losses ?? []) {
      this.#losses.push(loss)
      this.#earlier.add(loss)
    }
    this.#truncated = kept.content?.truncated ?? false
    await this.#readAcknowledged()
    this.#known = new KnownPlaces(this.#losses.map(({ damage }) => damage))
    const shown = new KnownPlaces(found)
    for (const loss of this.#earlier) if (shown.hasPart(loss.damage)) this.#earlier.delete(loss)
    const fresh = found.map((damage) => this.#note(damage)).filter((loss) => loss !== undefined)
    if (kept.problem !== undefined) this.#noteUnusable(kept.problem)
    if (fresh.length > 0) await this.#nameCopies(fresh)
    if (this.#isDirty) await this.#save()
    this.#lookNowAndThen()
  }

  /** The loss, where it is news and there is room for it. */
  #note(damage: Damage): Loss | undefined {
    if (this.#known.has(damage) || this.#acknowledged.has(damage)) return undefined
    if (this.#losses.length >= MOST_LOSSES) {
      this.#isDirty ||= !this.#truncated
      this.#truncated = true
      return undefined
    }
    const loss = lossOf(damage, randomUUID(), new Date().toISOString())
    this.#losses.push(loss)
    this.#known.add(damage)
    this.#isDirty = true
    return loss
  }

  /** What cannot be read is a loss itself: of what it told. */
  #noteUnusable(problem: string): void {
    const damage: Damage = { kind: LOSS_FILE_KIND, segment: 0, file: LOSSES_FILE, offset: 0, endOffset: 0, firstLsn: 0, lastLsn: 0, previousLsn: 0, users: [], detail: problem }
    this.#unusable = this.#note(damage)
  }

  /** It is kept; only then another one takes its name. */
  async #setAside(unusable: Loss): Promise<void> {
    const name = await moveToQuarantine(this.#directory, LOSSES_FILE)
    unusable.quarantine.push(`${QUARANTINE}/${name}`)
    this.#unusable = undefined
  }

  /** The copies that recovery has made, by the names that it gives them. */
  async #nameCopies(losses: readonly Loss[]): Promise<void> {
    const copies = new Set(await readdir(join(this.#directory, QUARANTINE)).catch(() => []))
    for (const { damage, quarantine } of losses) {
      const { file, offset, endOffset } = damage
      // Of a compressed segment, what is copied are the compressed bytes: at other places.
      const names = file.endsWith('.gz') ? [...copies].filter((name) => name.startsWith(`${file}.`)).sort() : [`${file}.${offset}-${endOffset}.bytes`]
      quarantine.push(...names.filter((name) => copies.has(name)).slice(0, MOST_COPIES).map((name) => `${QUARANTINE}/${name}`))
    }
  }

  // --- Acknowledgements

  /** Whether there is something to acknowledge. */
  get #hasNews(): boolean {
    return this.#losses.length > 0 || this.#acknowledgedProblem !== undefined
  }

  /** A look a second while there is something to acknowledge, or to be written still. */
  #lookNowAndThen(): void {
    if (this.#isClosed || this.#looks !== undefined || !(this.#hasNews || this.#isDirty)) return
    this.#looks = setInterval(() => void this.#look(), LOOK_MS).unref()
  }

  /** Never rejects; one at a time. */
  #look(): Promise<void> {
    this.#looking ??= this.#lookOnce().finally(() => (this.#looking = undefined))
    return this.#looking
  }

  async #lookOnce(): Promise<void> {
    try {
      if ((await acknowledgedFileIdentity(this.#directory)) !== this.#identity) await this.#readAcknowledged()
    } catch (error) {
      this.#acknowledgedProblem = `acknowledgements cannot be looked at: ${messageOf(error)}`
    }
    if (this.#isDirty && !this.#isClosed) await this.#save()
    if (this.#hasNews || this.#isDirty) return
    clearInterval(this.#looks)
    this.#looks = undefined
  }

  async #readAcknowledged(): Promise<void> {
    const identity = await acknowledgedFileIdentity(this.#directory)
    const isThere = identity !== NO_FILE
    const { content = [], problem } = isThere ? await readAcknowledgedFile(this.#directory) : {}
    this.#identity = identity
    this.#acknowledgedProblem = problem
    const ids = new Set(content.map(({ id }) => id))
    this.#acknowledged = new KnownPlaces(content.map(({ place }) => place).filter((place) => !isMendedByStart(place)))
    const left = this.#losses.filter(({ id, damage }) => !ids.has(id) && !this.#acknowledged.has(damage))
    if (left.length === this.#losses.length) return
    this.#losses = left
    this.#known = new KnownPlaces(left.map(({ damage }) => damage))
    this.#truncated = this.#truncated && left.length > 0
    this.#isDirty = true
  }

  // --- The file

  /** Never rejects; one at a time, and once more when something came meanwhile. */
  #save(): Promise<void> {
    this.#saving ??= this.#saveAll().finally(() => (this.#saving = undefined))
    return this.#saving
  }

  async #saveAll(): Promise<void> {
    while (this.#isDirty) {
      this.#isDirty = false
      try {
        if (this.#unusable !== undefined) await this.#setAside(this.#unusable)
        await writeLossFile(this.#directory, { losses: this.#losses, truncated: this.#truncated })
        this.#writeProblem = undefined
      } catch (error) {
        this.#isDirty = true
        this.#writeProblem = `losses cannot be written down, and are forgotten when this process ends: ${messageOf(error)}`
        return
      }
    }
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
