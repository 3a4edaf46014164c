/** The bytes of a source: from a file or a stream, counted as they are stored, and unpacked when they are gzip. */
import { close, createReadStream, fstat, open } from 'node:fs'
import { Socket } from 'node:net'
import { addAbortSignal, pipeline, Readable } from 'node:stream'
import { promisify } from 'node:util'
import { createGunzip } from 'node:zlib'
import { throwIfAborted, WalError } from '../errors.js'

const CHUNK_BYTES = 64 * 1024
/** ID1 and ID2 of a gzip member (RFC 1952, 2.3.1). No UTF-8 text begins with them. */
const GZIP_MAGIC = Buffer.from([0x1f, 0x8b])

const OPEN_PROBLEMS: Readonly<Record<string, string>> = {
  ENOENT: 'it does not exist',
  ENOTDIR: 'a part of its path is not a directory',
  EACCES: 'permission denied',
  EPERM: 'permission denied',
  ELOOP: 'too many symbolic links',
  EISDIR: 'it is a directory'
}

/** What is stored, and how much of it was read. */
export interface StoredBytes {
  readonly name: string
  readonly stream: Readable
  /** Size of the file; undefined for what has none (a pipe). */
  readonly totalBytes: number | undefined
  /** Bytes handed on so far, as stored. */
  readBytes: number
}

/** Opens a regular file, a pipe or a device. Throws `ERR_WAL_SOURCE` saying what is wrong. */
export async function openFile(path: string): Promise<StoredBytes> {
  let fd: number | undefined
  try {
    fd = await promisify(open)(path, 'r')
    const status = await promisify(fstat)(fd)
    if (status.isDirectory()) throw Object.assign(new Error('a directory'), { code: 'EISDIR' })
    // A file stream waits in a thread for a pipe's writer, and cannot be closed until it writes.
    const stream = status.isFIFO()
      ? new Socket({ fd, readable: true, writable: false })
      : createReadStream(path, { fd, highWaterMark: CHUNK_BYTES })
    return { name: path, stream, totalBytes: status.isFile() ? status.size : undefined, readBytes: 0 }
  } catch (error) {
    if (fd !== undefined) await promisify(close)(fd)
    throw unreadable(path, error)
  }
}

/** The chunks of `stored`, counted. Ends the stream when the consumer stops early. */
export async function* storedChunks(
  stored: StoredBytes,
  signal: AbortSignal | undefined
): AsyncGenerator<Buffer, void, undefined> {
  const stream = signal === undefined ? stored.stream : addAbortSignal(signal, stored.stream)
  try {
    for await (const chunk of stream as AsyncIterable<Buffer | string>) {
      const bytes = typeof chunk === 'string' ? Buffer.from(chunk) : chunk
      stored.readBytes += bytes.length
      yield bytes
    }
  } catch (error) {
    throwIfAborted(signal)
    throw unreadable(stored.name, error, stored.readBytes)
  }
}

/** Whether the bytes are gzip, told by their first two; and the same chunks from the first one on. */
export async function detectGzip(
  chunks: AsyncGenerator<Buffer, void, undefined>
): Promise<{ gzip: boolean; chunks: AsyncGenerator<Buffer, void, undefined> }> {
  let head: Buffer = Buffer.alloc(0)
  while (head.length < GZIP_MAGIC.length) {
    const next = await chunks.next()
    if (next.done === true) break
    head = head.length === 0 ? next.value : Buffer.concat([head, next.value])
  }
  return { gzip: head.subarray(0, GZIP_MAGIC.length).equals(GZIP_MAGIC), chunks: startingWith(head, chunks) }
}

/** `first`, then the rest; the rest is ended when the consumer stops early. */
async function* startingWith(
  first: Buffer,
  rest: AsyncGenerator<Buffer, void, undefined>
): AsyncGenerator<Buffer, void, undefined> {
  try {
    yield first
    yield* rest
  } finally {
    await rest.return()
  }
}

/**
 * Unpacks gzip, several members in a row too. Throws `ERR_WAL_SOURCE` with the position when it is cut or broken. A
 * changed bit can unpack to other text and be noticed only by the checksum at the end of its member: what was given out
 * before such an error is not proven.
 */
export async function* unpackedChunks(
  chunks: AsyncGenerator<Buffer, void, undefined>,
  stored: StoredBytes
): AsyncGenerator<Buffer, void, undefined> {
  const gunzip = createGunzip({ chunkSize: CHUNK_BYTES })
  let failure: unknown
  // Either side's error ends the other, and comes out of the loop below.
  pipeline(Readable.from(chunks, { objectMode: false }), gunzip, (error) => {
    failure = error
  })
  try {
    for await (const chunk of gunzip) yield chunk as Buffer
  } catch (error) {
    if (error instanceof WalError) throw error
    throw brokenGzip(stored, failure ?? error)
  }
}

function brokenGzip({ name, readBytes }: StoredBytes, cause: unknown): WalError {
  const { code, message } = cause as NodeJS.ErrnoException
  const problem =
    code === 'Z_BUF_ERROR'
      ? `is cut short: its gzip data ends at byte ${readBytes} in the middle of a member`
      : `has gzip data that is broken at or before byte ${readBytes} (${message})`
  return new WalError('ERR_WAL_SOURCE', `${name} ${problem}`, { offset: readBytes, cause })
}

function unreadable(name: string, cause: unknown, offset?: number): WalError {
  const { code, message, errno } = cause as NodeJS.ErrnoException
  const where = offset === undefined ? '' : ` at byte ${offset}`
  const details = { cause, ...(offset === undefined ? {} : { offset }), ...(errno === undefined ? {} : { errno }) }
  const problem = OPEN_PROBLEMS[code ?? ''] ?? message
  return new WalError('ERR_WAL_SOURCE', `${name} cannot be read${where}: ${problem}`, details)
}
