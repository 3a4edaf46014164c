// Cycles of life and death: a process opens a log as the last one left it, appends and reports, and is killed with SIGKILL. Half of
// the kills are aimed and hit: fault_shim.c kills the process at the k-th system call of a kind, or in the midst of a write,
// counted from its start (recovery, taking over the ring) or from when the log was open (batches, rotations). The others come from
// outside at random moments, those among them that were aimed and whose call did not come. The judge is this process: it knows what was reported, and computes what each entry has to say.
import { spawn } from 'node:child_process'
import { existsSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { readLog, Wal } from '../../../dist/esm/index.js'
import { mulberry32 } from '../../../scripts/lib/generate-measurements.mjs'
import { FaultControl } from '../../faults/children/fault-control.mjs'
import { contentOf } from '../children/content.mjs'

const APPENDER = fileURLToPath(new URL('../children/append-and-report.mjs', import.meta.url))
const SHARED_MEMORY = '/dev/shm'
/** A log that was killed often is the interesting one; a long one is slow to judge. */
const CYCLES_PER_LOG = 10
const MOST_ENTRIES = 3000
const LONGEST_LIFE_MS = 60
/** An aimed kill whose call does not come is replaced by one from outside. */
const AIMED_LIFE_MS = 400
const REPORT_BYTES = 8
const NUMBERS_BEFORE_OPEN = 1
const NUMBERS_WHEN_OPEN = 2

/** Calls at which a process is killed, and up to the how many-th of them. */
const AIMS = {
  recovery: { calls: ['lock', 'open', 'read', 'map', 'memory', 'write', 'sync', 'truncate', 'allocate', 'rename', 'unlink', 'directory sync'], most: 6 },
  rotation: { calls: ['write', 'sync', 'allocate', 'truncate', 'open', 'rename', 'unlink', 'directory sync'], most: 12 }
}
const HOW_OFTEN_TORN = 0.3

export class KillCycles {
  #random
  #seed
  #work
  #shim
  #losesRings
  counts = { cycles: 0, logs: 0, random: 0, recovery: 0, rotation: 0, missed: 0, beforeOpen: 0, entries: 0, carried: 0, calls: {} }

  /** `losesRings`: a planted bug, which the judge has to see. */
  constructor({ seed, work, shim, losesRings = false }) {
    this.#random = mulberry32(seed)
    this.#seed = seed
    this.#work = work
    this.#shim = shim
    this.#losesRings = losesRings
  }

  /** As many cycles as asked for, and more until half of them hit. Throws when an entry is lost, forged or changed. `onCycle` is told the counts behind each. */
  async run(cycles, onCycle = () => undefined) {
    while (this.counts.cycles < cycles || !this.#hasHitHalf()) {
      const left = Math.max(1, cycles - this.counts.cycles)
      await this.#killOneLog(Math.min(CYCLES_PER_LOG, left), onCycle)
    }
    return this.counts
  }

  #hasHitHalf() {
    const { cycles, recovery, rotation } = this.counts
    return 2 * (recovery + rotation) >= cycles
  }

  async #killOneLog(cycles, onCycle) {
    const directory = join(this.#work, `log-${this.counts.logs++}`)
    const settings = {
      segmentBytes: 1 << 16,
      queueBytes: 1 << 18,
      batchBytes: 4096,
      batchIntervalMs: 1 + Math.floor(this.#random() * 20),
      maintenance: this.#random() < 0.5
    }
    let kept = 0
    for (let cycle = 0; cycle < cycles; cycle++) {
      const reported = await this.#liveAndDie(directory, settings, this.#draw())
      if (this.#losesRings) loseRings(directory)
      kept = await this.#judge(directory, kept, reported)
      this.counts.cycles++
      onCycle(this.counts)
    }
    await this.#goOn(directory, settings, kept)
    rmSync(directory, { recursive: true })
  }

  /** Aimed until half of all kills hit what they were aimed at; at what was hit less often of recovery and rotation. */
  #draw() {
    const { recovery, rotation } = this.counts
    if (this.#hasHitHalf()) return { aim: 'random', afterMs: this.#random() * LONGEST_LIFE_MS, whenOpen: this.#random() < 0.5 }
    const aim = recovery <= rotation ? 'recovery' : 'rotation'
    const { calls, most } = AIMS[aim]
    const call = calls[Math.floor(this.#random() * calls.length)]
    const error = call === 'write' && this.#random() < HOW_OFTEN_TORN ? 'torn' : 'death'
    return { aim, fault: { call, error, from: 1 + Math.floor(this.#random() * most), always: false } }
  }

  /** One life. Returns the last LSN that was reported: 0 when none was. */
  async #liveAndDie(directory, settings, { aim, fault, afterMs, whenOpen }) {
    const controlFile = join(this.#work, 'control')
    const control = new FaultControl(controlFile, directory)
    if (aim === 'recovery') control.arm(fault)
    const preloaded = [process.env.LD_PRELOAD, this.#shim].filter((each) => each !== undefined).join(':')
    const args = [APPENDER, directory, String(this.#seed), String(MOST_ENTRIES), JSON.stringify(settings)]
    const child = spawn(process.execPath, args, {
      stdio: ['ignore', 'ignore', 'pipe', 'pipe'],
      env: { ...process.env, LD_PRELOAD: preloaded, INGEST_WAL_FAULT_CONTROL: controlFile }
    })
    const ended = new Promise((resolve) => child.once('close', (code, signal) => resolve({ code, signal })))
    let stderr = ''
    child.stderr.on('data', (bytes) => (stderr += bytes))
    const reports = new Reports(child.stdio[3])
    const moment = aim === 'rotation' || whenOpen === true ? NUMBERS_WHEN_OPEN : NUMBERS_BEFORE_OPEN
    await Promise.race([reports.atLeast(moment), ended])
    if (aim === 'rotation') control.arm(fault)
    const hasDied = await Promise.race([ended.then(() => true), sleep(afterMs ?? AIMED_LIFE_MS, false)])
    if (!hasDied) child.kill('SIGKILL')
    const { code, signal } = await ended
    control.close()
    if (signal !== 'SIGKILL' || stderr !== '') throw new Error(`the process ended with ${signal ?? code}: ${stderr}`)
    this.#count(aim, fault, hasDied, reports.count < NUMBERS_WHEN_OPEN)
    return reports.count < NUMBERS_WHEN_OPEN ? 0 : reports.last
  }

  #count(aim, fault, hasDied, isBeforeOpen) {
    const { counts } = this
    if (isBeforeOpen) counts.beforeOpen++
    if (aim === 'random') counts.random++
    else if (!hasDied) counts.missed++ // AIMED_LIFE_MS without such a call
    else {
      counts[aim]++
      counts.calls[fault.call] = (counts.calls[fault.call] ?? 0) + 1
    }
  }

  /** What was kept before and what was reported is there, and at most one entry more, which was not reported any more. */
  async #judge(directory, kept, reported) {
    const least = Math.max(kept, reported)
    const last = await this.#read(() => readLog(directory, { fromLsn: kept + 1 }), kept)
    if (last < least || last > least + 1) throw new Error(`${last} entries are there; ${kept} were there before, and ${reported} was reported`)
    return last
  }

  /** Entries from `kept` + 1 on, each in its place and as it was appended. Returns the last LSN. */
  async #read(open, kept) {
    let last = kept
    try {
      for await (const { lsn, operation, userId, payload, sequence } of open()) {
        const expected = contentOf(this.#seed, lsn)
        const isSame = operation === expected.operation && userId === expected.userId && sequence === expected.sequence
        if (lsn !== last + 1 || !isSame || Buffer.compare(payload, expected.payload) !== 0) throw new Error(`entry ${lsn} behind ${last} is not what was appended`)
        last = lsn
      }
    } catch (error) {
      // Killed before there was a log.
      if (kept > 0 || !['ERR_WAL_NOT_FOUND', 'ERR_WAL_NOT_A_LOG'].includes(error.code)) throw error
    }
    return last
  }

  /** The next one opens the log, finds everything, undamaged, and goes on; and so does the one after it. */
  async #goOn(directory, settings, kept) {
    for (const [round, expected] of [kept, kept + 1].entries()) {
      const wal = await Wal.open({ directory, ...settings })
      const { damage, carriedEntries } = wal.recovery
      const last = await this.#read(() => wal.entries(), 0)
      if (damage.length > 0) throw new Error(`taken for damage: ${JSON.stringify(damage[0])}`)
      if (last !== expected || wal.lastLsn !== expected) throw new Error(`${last} entries are there, of ${expected}`)
      if (round === 0) this.counts.carried += carriedEntries
      const { operation, userId, payload, sequence } = contentOf(this.#seed, last + 1)
      wal.append(operation, userId, payload, sequence)
      await wal.close()
    }
    this.counts.entries += kept
  }
}

/** Numbers that the child reports. */
class Reports {
  #bytes = Buffer.alloc(0)
  #waiting = []
  count = 0
  last = 0

  constructor(stream) {
    stream.on('data', (bytes) => {
      this.#bytes = Buffer.concat([this.#bytes, bytes])
      const whole = Math.floor(this.#bytes.length / REPORT_BYTES)
      if (whole === 0) return
      this.last = this.#bytes.readDoubleLE(REPORT_BYTES * (whole - 1))
      this.#bytes = this.#bytes.subarray(REPORT_BYTES * whole)
      this.count += whole
      for (const { numbers, resolve } of this.#waiting) if (this.count >= numbers) resolve()
    })
  }

  atLeast(numbers) {
    return new Promise((resolve) => (this.count >= numbers ? resolve() : this.#waiting.push({ numbers, resolve })))
  }
}

/** Where the identity of a log stands in log.id. */
const ID_AT = 16
const ID_BYTES = 8

function loseRings(directory) {
  const file = join(directory, 'log.id')
  if (!existsSync(file)) return
  const id = readFileSync(file).subarray(ID_AT, ID_AT + ID_BYTES).toString('hex')
  for (const name of readdirSync(SHARED_MEMORY)) if (name.startsWith(`ingest-wal-${id}`)) rmSync(join(SHARED_MEMORY, name))
}
