// The file through which a process with fault_shim.c in LD_PRELOAD is told what shall fail, and through which it tells how far
// it has come: what is written to a file outlives a SIGKILL. The layout is that of struct control there.
import { closeSync, openSync, readSync, writeSync } from 'node:fs'
import { constants } from 'node:os'

const { EIO, ENOSPC, EDQUOT, EINTR, EMFILE, EOPNOTSUPP } = constants.errno

const FILE_BYTES = 4096
const AT = { armed: 0, what: 4, from: 8, through: 12, count: 16, hits: 20, prefix: 64, lastLsn: 1024, durableLsn: 1032 }
/** Higher than any count. */
const FOR_EVER = 0xffffffff
/** No kernel interrupts a call for ever; what is continued after an interruption would go on as long. */
const MOST_INTERRUPTIONS = 5

/** Kinds of calls, in the order of the shim's enum; 'none' is 0. */
export const CALLS = Object.freeze([
  'none', 'write', 'sync', 'allocate', 'truncate', 'open', 'rename', 'unlink', 'map', 'memory', 'directory sync', 'lock', 'read'
])
export const ERRORS = Object.freeze({ EIO, ENOSPC, EDQUOT, EINTR, EMFILE, EOPNOTSUPP, short: 1000, torn: 1001, death: 1002, lie: 1003 })

/** What can become of a call of this kind. */
export function errorsOf(call) {
  const common = ['EIO', 'ENOSPC', 'EDQUOT', 'EINTR', 'EMFILE']
  if (call === 'allocate') return [...common, 'EOPNOTSUPP']
  return call === 'write' || call === 'read' ? [...common, 'short'] : common
}

export class FaultControl {
  #file

  /** Makes the file when `prefix` is given: calls on files below that path can fail. */
  constructor(path, prefix) {
    this.#file = openSync(path, prefix === undefined ? 'r+' : 'w+', 0o600)
    if (prefix === undefined) return
    writeSync(this.#file, Buffer.alloc(FILE_BYTES), 0, FILE_BYTES, 0)
    writeSync(this.#file, prefix, AT.prefix)
  }

  /** Lets call number `from` of the kind fail, counted from 1 from now on; with `always`, each that follows it too. */
  arm({ call, error, from, always }) {
    const kind = CALLS.indexOf(call)
    if (kind === -1 || !(error in ERRORS)) throw new Error(`no such fault: ${call} with ${error}. Calls: ${CALLS.join(', ')}`)
    const last = error === 'EINTR' ? from + MOST_INTERRUPTIONS - 1 : FOR_EVER
    this.#setWord('armed', 0)
    this.#setWord('what', ERRORS[error])
    this.#setWord('from', from)
    this.#setWord('through', always ? last : from)
    this.#setWord('count', 0)
    this.#setWord('hits', 0)
    this.#setWord('armed', kind)
  }

  disarm() {
    this.#setWord('armed', 0)
  }

  /** How many calls of the armed kind there were, and how many of them failed. */
  counts() {
    return { count: this.#word('count'), hits: this.#word('hits') }
  }

  note(lastLsn, durableLsn) {
    const bytes = Buffer.alloc(16)
    bytes.writeDoubleLE(lastLsn, 0)
    bytes.writeDoubleLE(durableLsn, 8)
    writeSync(this.#file, bytes, 0, 16, AT.lastLsn)
  }

  noted() {
    const bytes = Buffer.alloc(16)
    readSync(this.#file, bytes, 0, 16, AT.lastLsn)
    return { lastLsn: bytes.readDoubleLE(0), durableLsn: bytes.readDoubleLE(8) }
  }

  close() {
    closeSync(this.#file)
  }

  #setWord(name, value) {
    const bytes = Buffer.alloc(4)
    bytes.writeUInt32LE(value)
    writeSync(this.#file, bytes, 0, 4, AT[name])
  }

  #word(name) {
    const bytes = Buffer.alloc(4)
    readSync(this.#file, bytes, 0, 4, AT[name])
    return bytes.readUInt32LE()
  }
}
