/**
 * What `openSource` promises: the same rows from a file or standard input, plain or gzip, under any name; progress in
 * stored bytes; what is wrong with a source that cannot be read, with the position; and that it stops, frees and
 * closes when told.
 */
import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { PassThrough, Readable } from 'node:stream'
import { text } from 'node:stream/consumers'
import { promisify } from 'node:util'
import { gzipSync } from 'node:zlib'
import { afterAll, describe, expect, test } from 'vitest'
import type { WalError } from '../../lib/errors.js'
import { openSource } from '../../lib/ingest/source.js'
import { withoutSanitizer } from '../support/sanitizer.js'
import { chunked, failure, MAX_USER_ID_BYTES, readAll, readRows } from './support.js'

const directory = mkdtempSync(join(tmpdir(), 'ingest-source-'))
afterAll(() => rmSync(directory, { recursive: true }))

const START_MS = Date.UTC(2016, 3, 7)
const ROWS = Array.from({ length: 20_000 }, (_, index) => {
  return { user: `user-${index % 7}`, time: START_MS + index * 1000, value: (index * 7919) % 200 }
})
const CSV = `user,time,value\n${ROWS.map(({ user, time, value }) => `${user},${time},${value}\n`).join('')}`
const NDJSON = ROWS.map((row) => `${JSON.stringify(row)}\n`).join('')
const EXPECTED = ROWS.map(({ user, time, value }, index) => ({ row: index + 1, userId: user, timestamp: time, value }))

function file(name: string, content: string | Uint8Array): string {
  const path = join(directory, name)
  writeFileSync(path, content)
  return path
}

/** What a Node.js process that runs this module prints, read as JSON. Its memory is its own, and not a sanitizer's. */
async function outputOf<T>(script: string): Promise<T> {
  const nodeArguments = ['--expose-gc', '--input-type=module', '-e', script]
  const child = spawn(process.execPath, nodeArguments, { stdio: ['ignore', 'pipe', 'inherit'], env: withoutSanitizer() })
  return JSON.parse(await text(child.stdout)) as T
}

async function namedPipe(name: string): Promise<string> {
  const path = join(directory, name)
  await promisify(execFile)('mkfifo', [path])
  return path
}

describe('variants', () => {
  test.each([
    ['plain.csv', CSV, 'csv', false],
    ['packed.csv.gz', gzipSync(CSV), 'csv', true],
    ['tabs.tsv', CSV.replaceAll(',', '\t'), 'csv', false],
    ['tabs.TSV.GZ', gzipSync(CSV.replaceAll(',', '\t')), 'csv', true],
    ['plain.ndjson', NDJSON, 'ndjson', false],
    ['packed.jsonl.gz', gzipSync(NDJSON), 'ndjson', true],
    ['misnamed-packed.csv', gzipSync(CSV), 'csv', true],
    ['misnamed-plain.csv.gz', CSV, 'csv', false],
    ['no-name-csv', CSV, 'csv', false],
    ['no-name-ndjson', `\n  \n${NDJSON}`, 'ndjson', false],
    ['no-name-packed', gzipSync(NDJSON), 'ndjson', true],
    ['two-members.csv.gz', Buffer.concat([gzipSync(CSV.slice(0, 100_001)), gzipSync(CSV.slice(100_001))]), 'csv', true]
  ])('%s', async (name, content, format, gzip) => {
    const { measurements, rejects, source } = await readAll(file(name, content))
    expect(rejects).toEqual([])
    expect(measurements).toEqual(EXPECTED)
    expect(source).toMatchObject({ name: join(directory, name), format, gzip })
    expect(source.totalBytes).toBe(content.length)
    expect(source.readBytes).toBe(content.length)
  })

  test.each([
    ['CSV', CSV, 1000],
    ['NDJSON', NDJSON, 65536],
    ['gzip', gzipSync(CSV), 1000],
    ['gzip byte by byte', gzipSync(CSV), 1]
  ])('standard input: %s', async (_name, content, chunkBytes) => {
    const { measurements, source } = await readRows(content, {}, chunkBytes)
    expect(measurements).toEqual(EXPECTED)
    expect(source).toMatchObject({ name: 'standard input', totalBytes: undefined, readBytes: content.length })
  })

  test('the standard input of a process, from a pipe', async () => {
    // The pipe of a child is read here, which is what process.stdin is on the other side.
    const child = spawn('cat', [file('piped.csv', CSV)], { stdio: ['ignore', 'pipe', 'inherit'] })
    const { measurements } = await readAll('-', { stdin: child.stdout })
    expect(measurements).toEqual(EXPECTED)
  })

  test('a named pipe has no size and is read to its end', async () => {
    const path = await namedPipe('fifo.csv')
    const writer = spawn('sh', ['-c', 'cat "$1" > "$2"', 'sh', file('for-fifo.csv', CSV), path])
    const written = once(writer, 'close')
    const { measurements, source } = await readAll(path)
    expect(measurements).toEqual(EXPECTED)
    expect(source.totalBytes).toBeUndefined()
    await written
  })

  test('an option wins over the name, the name over the content', async () => {
    expect((await readAll(file('named.csv', NDJSON), { format: 'ndjson' })).measurements).toEqual(EXPECTED)
    await expect(readAll(file('really-json.csv', NDJSON))).rejects.toMatchObject({ code: 'ERR_WAL_SOURCE' })
  })

  test('a format that is not known and a limit that is none are refused', async () => {
    const refused = (part: string): object => failure('ERR_WAL_INVALID_ARGUMENT', part)
    await expect(readRows(CSV, { format: 'xml' as 'csv' })).rejects.toMatchObject(refused('format is "xml"'))
    await expect(readRows(CSV, { maxUserIdBytes: 0 })).rejects.toMatchObject(refused('maxUserIdBytes is 0'))
  })

  test('a JSON array and UTF-16 are refused by name', async () => {
    const refused = (part: string): object => failure('ERR_WAL_SOURCE', part)
    await expect(readRows('[{"user":1}]')).rejects.toMatchObject(refused('a JSON array is not read'))
    await expect(readRows(Buffer.from(`\ufeff${CSV}`, 'utf16le'))).rejects.toMatchObject(refused('is UTF-16'))
  })
})

describe('what cannot be read', () => {
  test('a file that does not exist, a directory, a path through a file', async () => {
    const refused = async (path: string, what: string): Promise<void> => {
      const message = `${path} cannot be read: ${what}`
      await expect(readAll(path)).rejects.toMatchObject({ code: 'ERR_WAL_SOURCE', message })
    }
    await refused(join(directory, 'absent.csv'), 'it does not exist')
    mkdirSync(join(directory, 'folder.csv'))
    await refused(join(directory, 'folder.csv'), 'it is a directory')
    await refused(join(file('plain-file', CSV), 'x.csv'), 'a part of its path is not a directory')
  })

  test('a file that may not be read', async () => {
    const path = file('secret.csv', CSV)
    chmodSync(path, 0)
    // Root may read everything, so this is asked as somebody else.
    const isRoot = process.geteuid?.() === 0
    if (isRoot) process.seteuid?.(65534)
    try {
      const expected = { code: 'ERR_WAL_SOURCE', message: `${path} cannot be read: permission denied` }
      await expect(readAll(path)).rejects.toMatchObject(expected)
    } finally {
      if (isRoot) process.seteuid?.(0)
    }
  })
})

describe('gzip that is damaged', () => {
  const packed = gzipSync(CSV)

  const cuts = [3, 9, 10, 20, 1000, packed.length - 9, packed.length - 8, packed.length - 1]

  test.each(cuts)('cut after %d bytes: the position is told', async (bytes) => {
    const path = file(`cut-${bytes}.csv.gz`, packed.subarray(0, bytes))
    await expect(readAll(path)).rejects.toMatchObject({
      code: 'ERR_WAL_SOURCE',
      offset: bytes,
      message: `${path} is cut short: its gzip data ends at byte ${bytes} in the middle of a member`
    })
  })

  test.each([
    ['in its data', 60_000],
    ['in its checksum', packed.length - 6],
    ['in its length', packed.length - 1],
    ['in its method', 2]
  ])('a flipped bit %s is told, with a byte that it is not behind', async (_name, at) => {
    const broken = Buffer.from(packed)
    broken.writeUInt8(broken.readUInt8(at) ^ 0x04, at)
    const error: unknown = await readRows(broken, {}, 4096).catch((reason: unknown) => reason)
    expect(error).toMatchObject(failure('ERR_WAL_SOURCE', 'has gzip data that is broken at or before byte'))
    const { offset = NaN, message } = error as WalError
    expect(message).toContain(`byte ${offset} (`)
    expect(offset).toBeGreaterThan(at)
    expect(offset).toBeLessThanOrEqual(packed.length)
  })

  test('something else behind it', async () => {
    const longer = Buffer.concat([packed, Buffer.from('more')])
    for (const chunkBytes of [packed.length, longer.length]) {
      await expect(readRows(longer, {}, chunkBytes)).rejects.toMatchObject({ code: 'ERR_WAL_SOURCE' })
    }
  })

  test('the rows before a cut are given first', async () => {
    const stdin = chunked(packed.subarray(0, packed.length - 4), 4096)
    const source = await openSource('-', { stdin, maxUserIdBytes: MAX_USER_ID_BYTES })
    const rows: unknown[] = []
    await expect(async () => {
      for await (const batch of source.batches()) rows.push(...batch)
    }).rejects.toMatchObject({ code: 'ERR_WAL_SOURCE' })
    expect(rows).toEqual(EXPECTED.slice(0, rows.length))
    expect(rows.length).toBeGreaterThan(0)
  })
})

describe('flow', () => {
  test('a consumer that stops pulling stops the reading', async () => {
    let produced = 0
    function* endless(): Generator<Buffer> {
      yield Buffer.from('user,time,value\n')
      for (;;) {
        produced += 1
        yield Buffer.from('a,1,1\n'.repeat(1000))
      }
    }
    const stdin = Readable.from(endless(), { objectMode: false })
    const source = await openSource('-', { stdin, maxUserIdBytes: 10 })
    const batches = source.batches()
    for (let taken = 0; taken < 5; taken += 1) await batches.next()
    await new Promise((resolve) => setTimeout(resolve, 50))
    expect(produced).toBeGreaterThan(0)
    expect(produced).toBeLessThan(60)
    await source.close()
  })

  test('memory stays bounded by a line, not by the source', async () => {
    const script = `
      import { Readable } from 'node:stream'
      import { createGzip } from 'node:zlib'
      import { openSource } from '${new URL('../../dist/esm/ingest/source.js', import.meta.url).href}'
      const block = Buffer.alloc(1 << 20, 'x')
      // Not maxRSS: on Linux that counts what the process was forked from.
      let peakBytes = 0
      function* content() {
        yield 'user,time,value\\n'
        for (let k = 0; k < 300; k += 1) {
          peakBytes = Math.max(peakBytes, process.memoryUsage.rss())
          yield block
        }
        yield '\\na,1,1\\n'
      }
      const stdin = Readable.from(content(), { objectMode: false }).pipe(createGzip({ level: 1 }))
      const source = await openSource('-', { stdin, maxUserIdBytes: 10 })
      const rows = []
      for await (const batch of source.batches()) for (const { row, reason } of batch) rows.push({ row, reason })
      console.log(JSON.stringify({ rows, peakMiB: peakBytes / 2 ** 20 }))`
    const { rows, peakMiB } = await outputOf<{ rows: unknown[]; peakMiB: number }>(script)
    expect(rows).toEqual([{ row: 1, reason: 'the line is longer than 1048576 bytes' }, { row: 2 }])
    expect(peakMiB).toBeLessThan(220)
  })

  test('rows that are kept hold on to nothing but themselves', async () => {
    const script = `
      import { Readable } from 'node:stream'
      import { openSource } from '${new URL('../../dist/esm/ingest/source.js', import.meta.url).href}'
      const junk = 'x'.repeat(100_000)
      function* content() {
        yield 'user,time,value,note\\n'
        for (let k = 0; k < 2000; k += 1) {
          yield 'user-with-a-long-name-' + k + ',1,1,"a note of some length"\\n'
          yield junk + '\\nother-user-with-a-name-' + k + ',1,1,a note of some length\\n'
        }
      }
      const stdin = Readable.from(content(), { objectMode: false })
      const source = await openSource('-', { stdin, maxUserIdBytes: 100 })
      const rows = []
      for await (const batch of source.batches()) rows.push(...batch)
      gc()
      console.log(JSON.stringify({ rows: rows.length, heapMiB: process.memoryUsage().heapUsed / 2 ** 20 }))`
    const { rows, heapMiB } = await outputOf<{ rows: number; heapMiB: number }>(script)
    expect(rows).toBe(6000)
    expect(heapMiB).toBeLessThan(40)
  })

  test('leaving the loop closes the source', async () => {
    const stdin = chunked(CSV, 1000)
    const source = await openSource('-', { stdin, maxUserIdBytes: 10 })
    for await (const batch of source.batches()) {
      expect(batch.length).toBeGreaterThan(0)
      break
    }
    expect(stdin.destroyed).toBe(true)
  })

  test.each([
    ['plain', CSV],
    ['gzip', gzipSync(CSV)]
  ])('close() before anything is taken, and twice: %s', async (_name, content) => {
    const stdin = chunked(content, 1000)
    const source = await openSource('-', { stdin, maxUserIdBytes: 10 })
    await source.close()
    await source.close()
    expect(stdin.destroyed).toBe(true)
    expect(await source.batches().next()).toEqual({ done: true, value: undefined })
  })

  test.each([
    ['plain', CSV.slice(0, 50_000)],
    ['gzip', gzipSync(CSV).subarray(0, 30_000)]
  ])('an abort ends a wait for input: %s', async (_name, content) => {
    const stdin = new PassThrough()
    stdin.write(content)
    const controller = new AbortController()
    const source = await openSource('-', { stdin, signal: controller.signal, maxUserIdBytes: 10 })
    setTimeout(() => { controller.abort() }, 20)
    await expect(async () => {
      for await (const batch of source.batches()) expect(batch.length).toBeGreaterThan(0)
    }).rejects.toMatchObject({ code: 'ERR_WAL_ABORTED' })
    expect(stdin.destroyed).toBe(true)
  })

  test('an abort ends a wait for the writer of a named pipe', async () => {
    const path = await namedPipe('silent.csv')
    const writer = spawn('sh', ['-c', 'exec > "$1"; printf "user,time,value\\n"; exec sleep 60', 'sh', path])
    const closed = once(writer, 'close')
    const controller = new AbortController()
    const source = await openSource(path, { signal: controller.signal, maxUserIdBytes: 10 })
    setTimeout(() => controller.abort(), 20)
    await expect(source.batches().next()).rejects.toMatchObject({ code: 'ERR_WAL_ABORTED' })
    await source.close()
    expect(writer.exitCode).toBeNull()
    writer.kill()
    await closed
  })

  test('a signal that has fired opens nothing', async () => {
    await expect(readRows(CSV, { signal: AbortSignal.abort() })).rejects.toMatchObject({ code: 'ERR_WAL_ABORTED' })
  })

  test('a stream that fails is told with the position', async () => {
    function* failing(): Generator<Buffer> {
      yield Buffer.from('user,time,value\na,1,1\n')
      throw Object.assign(new Error('EIO: i/o error, read'), { code: 'EIO', errno: -5 })
    }
    const stdin = Readable.from(failing(), { objectMode: false })
    await expect(readAll('-', { stdin })).rejects.toMatchObject({
      code: 'ERR_WAL_SOURCE',
      offset: 22,
      errno: -5,
      message: 'standard input cannot be read at byte 22: EIO: i/o error, read'
    })
  })
})
