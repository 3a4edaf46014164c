/**
 * The two files in which losses are kept, beside the log: `losses.json`, which only the log's writer writes, and
 * `acknowledged.json`, which whoever acknowledges writes. So neither needs the other's lock, and none undoes what the other has
 * done. Each is replaced whole: temporary file, sync, rename, sync of the directory. What is read is checked field by field.
 */
import { randomBytes } from 'node:crypto'
import { constants } from 'node:fs'
import { lstat, open, rename, rm, stat, type FileHandle } from 'node:fs/promises'
import { join } from 'node:path'
import { syncDirectory } from '../maintenance/files.js'
import { MOST_COPIES, MOST_DETAIL_CHARACTERS, MOST_USERS, type Acknowledged, type AcknowledgedPlace, type Loss } from './loss.js'

export const LOSSES_FILE = 'losses.json'
export const ACKNOWLEDGED_FILE = 'acknowledged.json'
/** So many are kept of each. */
export const MOST_LOSSES = 1000
export const MOST_ACKNOWLEDGED = 10_000

export interface LossFile {
  losses: Loss[]
  /** More were found than are kept. */
  truncated: boolean
}

/** `problem`: why what is there cannot be used. */
export type Read<Content> = { content: Content; problem?: undefined } | { content?: undefined; problem: string }

const VERSION = 1
/** More than `MOST_LOSSES` of the largest take. */
const MOST_BYTES = 16 * 1024 * 1024
const FILE_MODE = 0o600
const MOST_TRIES = 8
/** The system cannot do it now; it says nothing about the file. */
const PASSING: ReadonlySet<string | undefined> = new Set(['EMFILE', 'ENFILE', 'ENOMEM', 'EAGAIN', 'EINTR'])

export async function readLossFile(directory: string): Promise<Read<LossFile>> {
  return readFileOf(directory, LOSSES_FILE, { losses: [], truncated: false }, (value) => ({
    losses: listIn(value, 'losses', MOST_LOSSES).map(checkedLoss),
    truncated: value['truncated'] === true
  }))
}

export async function readAcknowledgedFile(directory: string): Promise<Read<Acknowledged[]>> {
  return readFileOf(directory, ACKNOWLEDGED_FILE, [], (value) => listIn(value, 'acknowledged', MOST_ACKNOWLEDGED).map(checkedAcknowledged))
}

/** No losses: there is no file. */
export async function writeLossFile(directory: string, { losses, truncated }: LossFile): Promise<void> {
  if (losses.length > 0) return replaceFile(directory, LOSSES_FILE, { version: VERSION, truncated, losses })
  await rm(join(directory, LOSSES_FILE), { force: true })
  await syncDirectory(directory)
}

export async function writeAcknowledgedFile(directory: string, acknowledged: readonly Acknowledged[]): Promise<void> {
  await replaceFile(directory, ACKNOWLEDGED_FILE, { version: VERSION, acknowledged })
}

export const NO_FILE = ''

/** Changes whenever the file is another one; `NO_FILE` where there is none. */
export async function acknowledgedFileIdentity(directory: string): Promise<string> {
  try {
    const { ino, size, mtimeNs } = await lstat(join(directory, ACKNOWLEDGED_FILE), { bigint: true })
    return `${ino} ${size} ${mtimeNs}`
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return NO_FILE
    throw error
  }
}

async function readFileOf<Content>(directory: string, name: string, none: Content, check: (value: Fields) => Content): Promise<Read<Content>> {
  try {
    const text = await textOf(join(directory, name))
    if (text === undefined) return { content: none }
    const value = fieldsOf(JSON.parse(text), name)
    if (value['version'] !== VERSION) throw new Unusable(`it is of version ${JSON.stringify(value['version'])?.slice(0, 20)}, this build knows ${VERSION}`)
    return { content: check(value) }
  } catch (error) {
    if (PASSING.has(codeOf(error))) throw error
    return { problem: `${name} cannot be used: ${reasonOf(error)}` }
  }
}

function reasonOf(error: unknown): string {
  if (error instanceof SyntaxError) return 'it is not JSON'
  if (codeOf(error) === 'ELOOP') return 'it is a symbolic link'
  return error instanceof Error ? error.message : String(error)
}

/** undefined: there is none. Neither waits for a FIFO nor follows a link. */
async function textOf(path: string): Promise<string | undefined> {
  let handle: FileHandle
  try {
    handle = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK)
  } catch (error) {
    // Beside a single file there is none.
    if (codeOf(error) === 'ENOENT' || codeOf(error) === 'ENOTDIR') return undefined
    throw error
  }
  try {
    const { size } = await sizeOfRegular(handle)
    const bytes = Buffer.alloc(size)
    let filled = 0
    while (filled < size) {
      const { bytesRead } = await handle.read(bytes, filled, size - filled, filled)
      if (bytesRead === 0) break
      filled += bytesRead
    }
    return bytes.toString('utf8', 0, filled)
  } finally {
    await handle.close()
  }
}

async function sizeOfRegular(handle: FileHandle): Promise<{ size: number }> {
  const found = await handle.stat()
  if (!found.isFile()) throw new Unusable('it is no regular file')
  if (found.size > MOST_BYTES) throw new Unusable(`it has ${found.size} bytes; allowed: ${MOST_BYTES}`)
  return found
}

/** Gives it to the owner of the directory: an administrator may acknowledge for the service. */
async function replaceFile(directory: string, name: string, value: object): Promise<void> {
  const text = `${JSON.stringify(value, undefined, 1)}\n`
  for (let tried = 1; ; tried++) {
    const temporary = join(directory, `${name}.${randomBytes(6).toString('hex')}.tmp`)
    try {
      await writeSynced(directory, temporary, text)
      await rename(temporary, join(directory, name))
      break
    } catch (error) {
      await rm(temporary, { force: true })
      // A writer that starts removes what is temporary.
      if (codeOf(error) !== 'ENOENT' || tried === MOST_TRIES) throw error
    }
  }
  await syncDirectory(directory)
}

async function writeSynced(directory: string, path: string, text: string): Promise<void> {
  const { uid, gid } = await stat(directory)
  const handle = await open(path, 'wx', FILE_MODE)
  try {
    if (process.getuid?.() === 0 && uid !== 0) await handle.chown(uid, gid)
    await handle.writeFile(text)
    await handle.sync()
  } finally {
    await handle.close()
  }
}

// --- Checks

/** What this package gives such names to has no others. */
const KIND = /^[a-z_]{1,64}$/
const FILE_NAME = /^[\w./-]{0,300}$/

type Fields = Readonly<Record<string, unknown>>

class Unusable extends Error {}

function fieldsOf(value: unknown, what: string): Fields {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw new Unusable(`${what} is no object`)
  return value as Fields
}

function listIn(value: Fields, key: string, most: number): unknown[] {
  const list = value[key]
  if (!Array.isArray(list) || list.length > most) throw new Unusable(`${JSON.stringify(key)} is no list of at most ${most}`)
  return list
}

function textIn(value: Fields, key: string, most: number): string {
  const text = value[key]
  if (typeof text !== 'string' || text.length > most) throw new Unusable(`${JSON.stringify(key)} is no text of at most ${most} characters`)
  return text
}

function nameIn(value: Fields, key: string, form: RegExp): string {
  const name = textIn(value, key, 300)
  if (!form.test(name)) throw new Unusable(`${JSON.stringify(key)} is no name`)
  return name
}

function numberIn(value: Fields, key: string): number {
  const number = value[key]
  if (!Number.isSafeInteger(number) || (number as number) < 0) throw new Unusable(`${JSON.stringify(key)} is no whole number from 0`)
  return number as number
}

function textsIn(value: Fields, key: string, most: number): string[] {
  const list = listIn(value, key, most)
  if (!list.every((text) => typeof text === 'string')) throw new Unusable(`${JSON.stringify(key)} is no list of texts`)
  return list
}

function copiesIn(value: Fields): string[] {
  const copies = textsIn(value, 'quarantine', MOST_COPIES)
  if (!copies.every((copy) => FILE_NAME.test(copy))) throw new Unusable('"quarantine" is no list of names')
  return copies
}

function checkedPlace(value: Fields): AcknowledgedPlace {
  return {
    kind: nameIn(value, 'kind', KIND),
    segment: numberIn(value, 'segment'),
    file: nameIn(value, 'file', FILE_NAME),
    offset: numberIn(value, 'offset'),
    endOffset: numberIn(value, 'endOffset'),
    firstLsn: numberIn(value, 'firstLsn'),
    lastLsn: numberIn(value, 'lastLsn'),
    previousLsn: numberIn(value, 'previousLsn')
  }
}

function checkedLoss(entry: unknown): Loss {
  const value = fieldsOf(entry, 'a loss')
  const damage = fieldsOf(value['damage'], '"damage"')
  return {
    id: textIn(value, 'id', 64),
    foundAt: timeIn(value, 'foundAt'),
    damage: { ...checkedPlace(damage), users: textsIn(damage, 'users', MOST_USERS), detail: textIn(damage, 'detail', MOST_DETAIL_CHARACTERS) },
    moreUsers: numberIn(value, 'moreUsers'),
    quarantine: copiesIn(value)
  }
}

function checkedAcknowledged(entry: unknown): Acknowledged {
  const value = fieldsOf(entry, 'an acknowledgement')
  return { id: textIn(value, 'id', 64), acknowledgedAt: timeIn(value, 'acknowledgedAt'), place: checkedPlace(fieldsOf(value['place'], '"place"')) }
}

function timeIn(value: Fields, key: string): string {
  const time = textIn(value, key, 40)
  const date = new Date(time)
  if (Number.isNaN(date.getTime())) throw new Unusable(`${JSON.stringify(key)} is no time`)
  return date.toISOString()
}

function codeOf(error: unknown): string | undefined {
  return (error as NodeJS.ErrnoException | undefined)?.code
}
