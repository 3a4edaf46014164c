/** The files of a log by their names: numbers, sizes, and how to move one so that it stays where it is. */
import { link, lstat, mkdir, open, readdir, rm, type FileHandle } from 'node:fs/promises'
import { dirname, join, resolve, sep } from 'node:path'

/** A segment, with all the files that hold it: as it was written, compressed, or both for a moment. */
export interface SegmentFile {
  number: number
  names: string[]
  /** Bytes that it takes on the disk. */
  bytes: number
}

export interface CheckpointFile {
  number: number
  name: string
  bytes: number
}

/** By number, the oldest first. */
export interface LogFiles {
  segments: SegmentFile[]
  checkpoints: CheckpointFile[]
}

const NAME = /^(\d{16})\.(wal|wal\.gz|ckpt)$/
const DISK_BLOCK_BYTES = 512
const FILE_MODE = 0o600
const DIRECTORY_MODE = 0o700
/** Of a directory that may not be looked into, or is no place for new names: nobody has made one there. */
const NOT_OURS: ReadonlySet<string> = new Set(['EACCES', 'EINVAL', 'EROFS'])
const SIZES_AT_A_TIME = 256
const COPY_BYTES = 2 ** 20
/** What is lost together when the device cannot read something. */
const PAGE_BYTES = 4096

export function segmentName(number: number): string {
  return `${String(number).padStart(16, '0')}.wal`
}

export function checkpointName(number: number): string {
  return `${String(number).padStart(16, '0')}.ckpt`
}

/** What is in the log's directory now. A file that goes meanwhile is left out. Throws what the system says. */
export async function listLogFiles(directory: string): Promise<LogFiles> {
  const segments = new Map<number, SegmentFile>()
  const checkpoints: CheckpointFile[] = []
  const names = (await readdir(directory)).filter((name) => NAME.test(name)).sort()
  const sizes: Array<number | undefined> = []
  // Many at a time: on a busy event loop, each that is waited for by itself costs a turn.
  for (let from = 0; from < names.length; from += SIZES_AT_A_TIME) {
    sizes.push(...(await Promise.all(names.slice(from, from + SIZES_AT_A_TIME).map((name) => diskBytes(join(directory, name))))))
  }
  for (const [index, name] of names.entries()) {
    const match = NAME.exec(name)
    const bytes = sizes[index]
    if (match === null || bytes === undefined) continue
    const number = Number(match[1])
    const segment = segments.get(number)
    if (match[2] === 'ckpt') checkpoints.push({ number, name, bytes })
    else if (segment === undefined) segments.set(number, { number, names: [name], bytes })
    else {
      segment.names.push(name)
      segment.bytes += bytes
    }
  }
  return { segments: [...segments.values()], checkpoints }
}

async function diskBytes(path: string): Promise<number | undefined> {
  try {
    return (await lstat(path)).blocks * DISK_BLOCK_BYTES
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw error
  }
}

/**
 * Moves a file to another directory, durably: it has both names before it loses the first. A rename has no moment at which both
 * are there, and a power cut may take both. Where there can be no link, `otherwise` makes `target`.
 */
export async function moveDurably(file: string, target: string, otherwise: () => Promise<void>): Promise<void> {
  await link(file, target).catch(otherwise)
  await syncDirectory(dirname(target))
  // What `otherwise` has renamed is gone.
  await rm(file, { force: true })
  await syncDirectory(dirname(file))
}

/**
 * Makes a directory, with those above it that are not there. All their names are durable then, also those that another process
 * has made before it died; but for `base`, which is there for good, and what is above that.
 */
export async function makeDirectory(directory: string, base: string = sep): Promise<void> {
  await mkdir(directory, { recursive: true, mode: DIRECTORY_MODE })
  for (let path = resolve(directory); path !== resolve(base) && path !== dirname(path); path = dirname(path)) {
    try {
      await syncDirectory(dirname(path))
    } catch (error) {
      if (!NOT_OURS.has((error as NodeJS.ErrnoException).code ?? '')) throw error
    }
  }
}

/**
 * The content is on stable storage then; the name is not. `target` must not be there. Pages that the device cannot read fail it, or
 * are zeros in the copy. Not by `copyFile`: where a read fails, libuv goes on with bytes of another place, and says nothing.
 */
export async function copySynced(file: string, target: string, unreadable: 'fail' | 'zeros' = 'fail'): Promise<void> {
  const from = await open(file, 'r')
  try {
    const to = await open(target, 'wx')
    try {
      await copyBytes(from, to, unreadable)
      await to.chmod(FILE_MODE)
      await to.sync()
    } finally {
      await to.close()
    }
  } finally {
    await from.close()
  }
}

async function copyBytes(from: FileHandle, to: FileHandle, unreadable: 'fail' | 'zeros'): Promise<void> {
  const buffer = Buffer.allocUnsafe(COPY_BYTES)
  const { size } = await from.stat()
  for (let at = 0; at < size; ) {
    const count = await readPart(from, buffer, at, size, unreadable)
    if (count === 0) return
    for (let written = 0; written < count; ) {
      written += (await to.write(buffer, written, count - written, at + written)).bytesWritten
    }
    at += count
  }
}

/** Fills `buffer` from the byte at `at` on; returns how far. Of what cannot be read a page, at most. */
async function readPart(from: FileHandle, buffer: Buffer, at: number, size: number, unreadable: 'fail' | 'zeros'): Promise<number> {
  const pageBytes = PAGE_BYTES - (at % PAGE_BYTES)
  try {
    return (await from.read(buffer, 0, buffer.length, at)).bytesRead
  } catch (error) {
    if (unreadable === 'fail' || (error as NodeJS.ErrnoException).code !== 'EIO') throw error
  }
  try {
    return (await from.read(buffer, 0, pageBytes, at)).bytesRead
  } catch {
    buffer.fill(0, 0, pageBytes)
    return Math.min(pageBytes, size - at)
  }
}

/** Makes what was created, renamed or removed in a directory durable. */
export async function syncDirectory(directory: string): Promise<void> {
  const handle = await open(directory, 'r')
  try {
    await handle.sync()
  } finally {
    await handle.close()
  }
}
