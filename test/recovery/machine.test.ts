// Proves, row by row, what one user's entries leave behind (docs/recovery.md, "Per user"), with one buffer and with several, and
// what each kind of lost entry leads to, as the comment in lib/recovery/machine.ts says.
import { describe, expect, test } from 'vitest'
import { Operation, type Damage, type Entry } from '../../lib/index.js'
import { applyEntry, applyMeasurement, createMachine, type UserMachine } from '../../lib/recovery/machine.js'
import { taintsOf } from '../../lib/recovery/taint.js'
import { LIMITS_LOST } from '../../lib/replay/buffer-record.js'
import { sequenceAfter } from '../../lib/replay/journal.js'
import { PayloadWriter, type EndReason } from '../../lib/replay/payloads.js'

/** Writes a user's entries, each a word: start, add, end, checkpoint, commit, rollback, clear. */
class Script {
  readonly entries: Entry[] = []
  readonly #writer = new PayloadWriter()
  readonly #counts = new Map<number, number>()

  start(buffer: number): this {
    const limits = { windowStart: 100 * buffer, windowEnd: 100 * buffer + 50, maxMeasurements: 5, minMeasurements: 2 }
    return this.#log(Operation.START_BUFFER, this.#writer.start({ buffer, ...limits }))
  }
  add(buffer: number, ...names: string[]): this {
    for (const name of names) {
      this.#counts.set(buffer, this.#count(buffer) + 1)
      this.#log(Operation.ADD_MEASUREMENT, this.#writer.add(buffer, Buffer.from(name), undefined))
    }
    return this
  }
  end(buffer: number, reason: EndReason = 'full'): this {
    return this.#log(Operation.END_BUFFER, this.#writer.end({ ...this.#about(buffer), reason }))
  }
  checkpoint(buffer: number, state: string, attempts = 0): this {
    return this.#log(Operation.CHECKPOINT, this.#writer.checkpoint({ ...this.#about(buffer), attempts, replayed: 10 * buffer, value: Buffer.from(state) }))
  }
  commit(buffer: number, state: string): this {
    return this.#log(Operation.COMMIT, this.#writer.commit({ ...this.#about(buffer), discarded: false, replayed: 10 * buffer + 1, value: Buffer.from(state) }))
  }
  rollback(buffer: number, state: string, attempts: number, parked = false): this {
    const outcome = { attempts, parked, replayed: 10 * buffer, error: 'why', value: Buffer.from(state) }
    return this.#log(Operation.ROLLBACK, this.#writer.rollback({ ...this.#about(buffer), ...outcome }))
  }
  /** `count`: measurements in all buffers that are cleared. */
  clear(newest: number, count: number): this {
    const about = { buffer: newest, count, lastRow: undefined }
    return this.#log(Operation.COMMIT, this.#writer.commit({ ...about, discarded: true, replayed: 0, value: new Uint8Array(0) }))
  }

  #count(buffer: number): number {
    return this.#counts.get(buffer) ?? 0
  }
  #about(buffer: number): { buffer: number; count: number; lastRow: undefined } {
    return { buffer, count: this.#count(buffer), lastRow: undefined }
  }
  #log(operation: Operation, payload: Uint8Array): this {
    const lsn = this.entries.length + 1
    this.entries.push({ lsn, timestamp: 7000 + lsn, operation, userId: 'u', payload: Uint8Array.from(payload), sequence: lsn, segment: 1, offset: 0 })
    return this
  }
}

/** The machine behind the script, without the entries with these LSNs. */
function run(script: Script, lost: readonly number[] = []): UserMachine {
  const user = createMachine('u')
  const damage: Damage[] = []
  for (const entry of script.entries) {
    if (!lost.includes(entry.lsn)) applyEntry(user, entry, { damage, checkpointedLsn: 0 })
    else damage.push({ kind: 'entry', segment: 1, file: '', offset: 0, endOffset: 0, firstLsn: entry.lsn, lastLsn: entry.lsn, previousLsn: 0, users: [], detail: '' })
  }
  return user
}

const text = (bytes: Uint8Array | undefined): string | undefined => (bytes === undefined ? undefined : Buffer.from(bytes).toString())

/** `1[a b]` is open, `1[a b]full` ended, with attempts, `!` when parked and `…` when under way. */
function buffersOf(user: UserMachine): string[] {
  return user.buffers.map(({ number, values, ended, attempts, parked, replaying }) => {
    const marks = `${ended ?? ''}${attempts > 0 ? ` ${attempts}` : ''}${parked ? '!' : ''}${replaying ? '…' : ''}`
    return `${number}[${[...values].map((value) => (value instanceof Uint8Array ? text(value) : value.value)).join(' ')}]${marks}`
  })
}

const taints = (user: UserMachine): string[] => taintsOf(user, 0).map(({ buffer, reason, lost }) => `${buffer} ${reason} ${lost}`)
const script = (): Script => new Script()

describe('the log ends after', () => {
  const open = (): Script => script().start(1).add(1, 'a', 'b')
  const ended = (): Script => open().end(1)
  const CASES: Array<[string, Script, string[], string | undefined]> = [
    ['nothing', script(), [], undefined],
    ['START_BUFFER', script().start(1), ['1[]'], undefined],
    ['ADD_MEASUREMENT', open(), ['1[a b]'], undefined],
    ['END_BUFFER', ended(), ['1[a b]full'], undefined],
    ['CHECKPOINT', ended().checkpoint(1, 's0'), ['1[a b]full…'], 's0'],
    ['COMMIT', ended().checkpoint(1, 's0').commit(1, 's1'), [], 's1'],
    ['ROLLBACK', ended().checkpoint(1, 's0').rollback(1, 's0', 1), ['1[a b]full 1'], 's0'],
    ['ROLLBACK, the last that is allowed', ended().checkpoint(1, 's0', 2).rollback(1, 's0', 3, true), ['1[a b]full 3!'], 's0'],
    ['CHECKPOINT behind ROLLBACK', ended().checkpoint(1, 's0').rollback(1, 's0', 1).checkpoint(1, 's0', 1), ['1[a b]full 1…'], 's0'],
    ['CHECKPOINT of a parked buffer', ended().checkpoint(1, 's0', 2).rollback(1, 's0', 3, true).checkpoint(1, 's0', 3), ['1[a b]full 3!…'], 's0'],
    ['COMMIT behind ROLLBACK', ended().checkpoint(1, 's0').rollback(1, 's0', 1).checkpoint(1, 's0', 1).commit(1, 's1'), [], 's1'],
    ['CHECKPOINT twice: killed in the midst of a replay', ended().checkpoint(1, 's0').checkpoint(1, 's0'), ['1[a b]full…'], 's0'],
    ['the next START_BUFFER, the first still waiting', ended().start(2).add(2, 'c'), ['1[a b]full', '2[c]'], undefined],
    ['CHECKPOINT of the first, the second open', ended().start(2).add(2, 'c').checkpoint(1, 's0'), ['1[a b]full…', '2[c]'], 's0'],
    ['adds during the replay of the first', ended().checkpoint(1, 's0').start(2).add(2, 'c').end(2, 'window').start(3), ['1[a b]full…', '2[c]window', '3[]'], 's0'],
    ['COMMIT of the first, the second open', ended().start(2).add(2, 'c').checkpoint(1, 's0').add(2, 'd').commit(1, 's1'), ['2[c d]'], 's1'],
    ['COMMIT of both', ended().start(2).add(2, 'c').end(2).checkpoint(1, 's0').commit(1, 's1').checkpoint(2, 's1').commit(2, 's2'), [], 's2'],
    ['a clear of an open buffer', open().clear(1, 2), [], undefined],
    ['a clear of several', ended().start(2).add(2, 'c').clear(2, 3), [], undefined],
    ['a clear behind COMMIT: the state stays', ended().checkpoint(1, 's0').commit(1, 's1').start(2).add(2, 'c').clear(2, 1), [], 's1'],
    ['START_BUFFER behind a clear', open().clear(1, 2).start(2), ['2[]'], undefined]
  ]

  test.each(CASES)('%s', (_, entries, buffers, state) => {
    const user = run(entries)
    expect(buffersOf(user)).toEqual(buffers)
    expect(text(user.state)).toBe(state)
    expect(taints(user)).toEqual([])
    expect(user.sequence).toBe(entries.entries.length)
  })

  test('limits and counts are those in the entries', () => {
    const user = run(ended().checkpoint(1, 's0').commit(1, 's1').start(2).add(2, 'c'))
    expect(user).toMatchObject({ lastBuffer: 2, replayed: 11 })
    expect(user.buffers[0]).toMatchObject({ windowStart: 200, windowEnd: 250, maxMeasurements: 5, minMeasurements: 2 })
    expect(run(ended().checkpoint(1, 's0').rollback(1, 's0', 1)).replayed).toBe(10)
  })
})

describe('lost is', () => {
  const whole = (): Script => script().start(1).add(1, 'a', 'b').end(1).checkpoint(1, 's0').commit(1, 's1')
  const replayed = (): Script => whole().start(2).add(2, 'c', 'd')
  /** What is lost, of which script; then buffers, state, taints. */
  const CASES: Array<[string, Script, number[], string[], string | undefined, string[]]> = [
    ['START_BUFFER: the buffer begins with its first measurement, and is whole', replayed(), [7], ['2[c d]'], 's1', []],
    ['ADD_MEASUREMENT of an open buffer: it misses one', replayed().add(2, 'e'), [9], ['2[c e]'], 's1', ['2 measurements 1']],
    ['ADD_MEASUREMENT of an ended buffer: its count tells', replayed().end(2), [8], ['2[d]full'], 's1', ['2 measurements 1']],
    ['ADD_MEASUREMENT of a committed buffer: the state has it', replayed().end(2).checkpoint(2, 's1').commit(2, 's2'), [8], [], 's2', []],
    ['the first ADD_MEASUREMENT and START_BUFFER', replayed(), [7, 8], ['2[d]'], 's1', ['2 measurements 1']],
    ['END_BUFFER: the next START_BUFFER ends it, and does not say that it was not cleared', script().start(1).add(1, 'a', 'b').end(1).start(2).add(2, 'c'), [4], ['1[a b]window', '2[c]'], undefined, ['1 outcome 1']],
    ['END_BUFFER: the next START_BUFFER ends it, and its CHECKPOINT says that it was not cleared', script().start(1).add(1, 'a', 'b').end(1).start(2).add(2, 'c').checkpoint(1, 's0'), [4], ['1[a b]window…', '2[c]'], 's0', []],
    ['a clear of an open buffer: what was cleared is back, ended, and in doubt', script().start(1).add(1, 'a', 'b').clear(1, 2).start(2).add(2, 'c'), [4], ['1[a b]window', '2[c]'], undefined, ['1 outcome 1']],
    ['a clear of an ended buffer and an open one: both are in doubt', script().start(1).add(1, 'a').end(1).start(2).add(2, 'b').clear(2, 2).start(3), [6], ['1[a]full', '2[b]window', '3[]'], undefined, ['1 outcome 1', '2 outcome 1']],
    ['a clear of an open buffer, and the CHECKPOINT of the next says the state', script().start(1).add(1, 'a', 'b').clear(1, 2).start(2).add(2, 'c').end(2).checkpoint(2, 's0'), [4], ['2[c]full…'], 's0', []],
    ['END_BUFFER and START_BUFFER: every measurement names its buffer', script().start(1).add(1, 'a', 'b').end(1).start(2).add(2, 'c'), [4, 5], ['1[a b]window', '2[c]'], undefined, ['1 outcome 1']],
    ['a clear of an open buffer and START_BUFFER', script().start(1).add(1, 'a', 'b').clear(1, 2).start(2).add(2, 'c'), [4, 5], ['1[a b]window', '2[c]'], undefined, ['1 outcome 1']],
    ['END_BUFFER: the CHECKPOINT ends it', whole(), [4, 6], ['1[a b]requested…'], 's0', []],
    ['CHECKPOINT: the COMMIT behind says all', whole().start(2), [5], ['2[]'], 's1', []],
    ['CHECKPOINT: the ROLLBACK behind says all', script().start(1).add(1, 'a').end(1).checkpoint(1, 's0').rollback(1, 's0', 1), [4], ['1[a]full 1'], 's0', []],
    ['COMMIT, and nothing of the replay is told since: it runs again', replayed(), [6], ['1[a b]full…', '2[c d]'], 's0', ['1 outcome 1']],
    ['COMMIT, and the next CHECKPOINT says its state', replayed().end(2).checkpoint(2, 's1'), [6], ['2[c d]full…'], 's1', []],
    ['CHECKPOINT and COMMIT: the replay runs again, from the state before', replayed(), [5, 6], ['1[a b]full', '2[c d]'], undefined, ['1 outcome 2']],
    ['ROLLBACK, and the next CHECKPOINT says the attempts', script().start(1).add(1, 'a').end(1).checkpoint(1, 's0').rollback(1, 's0', 1).checkpoint(1, 's0', 1), [5], ['1[a]full 1…'], 's0', []],
    ['ROLLBACK, and the user goes on: the attempt is not counted', script().start(1).add(1, 'a').end(1).checkpoint(1, 's0').rollback(1, 's0', 1).start(2), [5], ['1[a]full…', '2[]'], 's0', ['1 outcome 1']],
    ['a clear: what was cleared is back, and in doubt', script().start(1).add(1, 'a').end(1).clear(1, 1).start(2), [4], ['1[a]full', '2[]'], undefined, ['1 outcome 1']],
    ['a whole buffer, and the next one tells: its state is in doubt', whole().start(2).add(2, 'c').end(2).checkpoint(2, 's1').commit(2, 's2').start(3).add(3, 'd'), [7, 8, 9, 10, 11], ['3[d]'], 's1', ['3 unproven 5']],
    ['a whole buffer, and a CHECKPOINT of the next says its state', whole().start(2).add(2, 'c').end(2).checkpoint(2, 's1').commit(2, 's2').start(3).add(3, 'd').end(3).checkpoint(3, 's2'), [7, 8, 9, 10, 11], ['3[d]full…'], 's2', []],
    ['a whole waiting buffer, before one that is told of later', script().start(1).add(1, 'a').end(1).start(2).add(2, 'b').checkpoint(1, 's0'), [1, 2, 3], ['1[]requested…', '2[b]'], 's0', ['1 measurements 1']],
    ['the begin of a buffer that nothing tells of since', whole().start(2).add(2, 'c').end(2).start(3).add(3, 'd').checkpoint(2, 's1'), [10, 11], ['2[c]full…'], 's1', ['2 unproven 2']],
    ['COMMIT before a clear of the next buffer: the state is in doubt', whole().start(2).add(2, 'c').clear(2, 1), [6], [], 's0', ['0 unproven 1']],
    ['COMMIT before a clear of the next buffer, and another clear, which says no state', whole().start(2).add(2, 'c').clear(2, 1).start(3).add(3, 'd').clear(3, 1), [6], [], 's0', ['0 unproven 1']],
    ['COMMIT before a clear of the next buffer, and the CHECKPOINT of another says the state', whole().start(2).add(2, 'c').clear(2, 1).start(3).add(3, 'd').end(3).checkpoint(3, 's1'), [6], ['3[d]full…'], 's1', []],
    ['ADD_MEASUREMENT before a clear: nothing is in doubt', whole().start(2).add(2, 'c').clear(2, 1), [8], [], 's1', []]
  ]

  test.each(CASES)('%s', (_, entries, lost, buffers, state, found) => {
    const user = run(entries, lost)
    expect(buffersOf(user)).toEqual(buffers)
    expect(text(user.state)).toBe(state)
    expect(taints(user)).toEqual(found)
  })

  test('START_BUFFER: the window begins when its first measurement was logged, and its limits are to be set anew', () => {
    const user = run(replayed(), [7])
    expect(user.buffers[0]).toMatchObject({ windowStart: 7008, windowEnd: Infinity, maxMeasurements: LIMITS_LOST })
  })

  test('nothing, where entries that are not needed were removed', () => {
    const user = createMachine('u')
    for (const entry of replayed().entries.slice(5)) applyEntry(user, entry)
    expect(buffersOf(user)).toEqual(['2[c d]'])
    expect(taints(user)).toEqual([])
    expect(user.gaps).toEqual([])
  })

  test('nothing, where running numbers begin again at 1', () => {
    const user = createMachine('u')
    const last = 2 ** 32 - 1
    user.sequence = last - 3
    for (const [i, entry] of replayed().entries.entries()) applyEntry(user, { ...entry, sequence: sequenceAfter(last - 3, i + 1) })
    expect(buffersOf(user)).toEqual(['2[c d]'])
    expect(taints(user)).toEqual([])
    expect(user.sequence).toBe(replayed().entries.length - 3)
  })

  test.each(CASES)('%s, the same with measurements that are numbers alone, taken without an object for each', (_, { entries }, lost) => {
    const [asEntries, asNumbers] = [createMachine('u'), createMachine('u')]
    const damage: Damage[] = []
    for (const entry of entries) {
      if (lost.includes(entry.lsn)) {
        damage.push({ firstLsn: entry.lsn, lastLsn: entry.lsn } as Damage)
        continue
      }
      if (entry.operation !== Operation.ADD_MEASUREMENT) {
        for (const user of [asEntries, asNumbers]) applyEntry(user, entry, { damage, checkpointedLsn: 0 })
        continue
      }
      const buffer = Buffer.from(entry.payload).readUInt32LE(2)
      const payload = Buffer.alloc(40)
      payload.set([0xa2, 1])
      payload.writeUInt32LE(buffer, 4)
      payload.writeDoubleLE(entry.lsn, 16)
      payload.writeUInt32LE(3, 24)
      payload.writeDoubleLE(entry.lsn, 32)
      applyEntry(asEntries, { ...entry, payload }, { damage, checkpointedLsn: 0 })
      applyMeasurement(asNumbers, entry.lsn, entry.sequence, entry.timestamp, buffer, 0, entry.lsn, 3, entry.lsn, { damage, checkpointedLsn: 0 })
      expect({ ...asNumbers, arena: undefined }).toEqual({ ...asEntries, arena: undefined })
    }
    expect(buffersOf(asNumbers)).toEqual(buffersOf(asEntries))
    expect(taints(asNumbers)).toEqual(taints(asEntries))
  })

  test('and where numbers begin again, a loss is seen all the same', () => {
    const user = createMachine('u')
    const damage = [{ firstLsn: 9, lastLsn: 9 } as Damage]
    for (const entry of replayed().add(2, 'e').entries) {
      // The lost measurement has the last number, the one behind it has 1.
      const sequence = sequenceAfter(2 ** 32 - 1 - 9, entry.lsn)
      if (entry.lsn === 1) user.sequence = sequence - 1
      if (entry.lsn !== 9) applyEntry(user, { ...entry, sequence }, { damage, checkpointedLsn: 0 })
    }
    expect(user.sequence).toBe(1)
    expect(taints(user)).toEqual(['2 measurements 1'])
  })
})
