// Proves that append() never touches the disk: a trace of all system calls of a run that appends 100,000 entries shows none by
// the main thread, between the first append and the last, on a file of the log, on its directory or on the ring. The writer's
// thread is seen to write meanwhile, so the trace would show it.
// Where strace is not to be had, or may not trace, the test says so and proves nothing.
import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { traced } from '../support/sanitizer.js'
import { start, temporaryDirectory } from './support.js'

const ENTRIES = 100_000
const PROGRAM = join(import.meta.dirname, 'children/append-between-markers.mjs')

const probe = spawnSync('strace', ['-f', '-y', '-e', 'trace=none', process.execPath, '-e', ''], { encoding: 'utf8', env: traced() })
const canTrace = probe.status === 0
if (!canTrace) {
  const why = probe.error?.message ?? probe.stderr.split('\n')[0] ?? ''
  process.stderr.write(`no-io: strace cannot be used here (${why}): not checked\n`)
}

interface Call {
  thread: string
  text: string
}

async function trace(directory: string, entries: number, ...more: string[]): Promise<Call[]> {
  const file = join(directory, 'trace')
  // With -y, a descriptor is shown with the path of its file.
  const args = ['-f', '-qq', '-y', '-s', '64', '-o', file, process.execPath, PROGRAM, join(directory, 'wal'), String(entries), ...more]
  const { code, stderr } = await start('strace', args, undefined, traced()).ended
  expect(stderr).toBe('')
  expect(code).toBe(0)
  return readFileSync(file, 'utf8')
    .split('\n')
    .map((line) => /^(\d+) +(.*)$/.exec(line))
    .flatMap((match) => (match === null ? [] : [{ thread: match[1] ?? '', text: match[2] ?? '' }]))
}

/** The calls that were begun between the two markers. */
function between(calls: readonly Call[]): Call[] {
  const begin = calls.findIndex(({ text }) => text.includes('/ingest-wal-marker-begin'))
  const end = calls.findIndex(({ text }) => text.includes('/ingest-wal-marker-end'))
  expect(begin).toBeGreaterThan(0)
  expect(end).toBeGreaterThan(begin)
  return calls.slice(begin + 1, end)
}

/** Address ranges into which the ring was mapped. */
function mappingsOf(calls: readonly Call[]): { from: bigint; to: bigint }[] {
  const map = /^mmap\(NULL, (\d+), .*<\/dev\/shm\/ingest-wal-.*> *, .*= (0x[0-9a-f]+)$/
  const maps = calls.map(({ text }) => map.exec(text)).filter((match) => match !== null)
  return maps.map(([, bytes = '0', address = '0x0']) => ({ from: BigInt(address), to: BigInt(address) + BigInt(bytes) }))
}

function touchesLog(call: Call, directory: string, ring: readonly { from: bigint; to: bigint }[]): boolean {
  if (call.text.includes(directory) || call.text.includes('/dev/shm/')) return true
  const addresses = [...call.text.matchAll(/0x[0-9a-f]{8,}/g)].map(([address]) => BigInt(address))
  return addresses.some((address) => ring.some(({ from, to }) => address >= from && address < to))
}

test(`${ENTRIES} appends: no system call of the main thread on the log or its ring`, async () => {
  if (!canTrace) return
  const directory = temporaryDirectory()
  const calls = await trace(directory, ENTRIES)
  const main = calls[0]?.thread
  const ring = mappingsOf(calls)
  expect(ring.length, 'the ring was seen to be mapped').toBeGreaterThan(0)
  const log = join(directory, 'wal')
  const touching = between(calls).filter((call) => touchesLog(call, log, ring))
  expect(touching.filter(({ thread }) => thread === main)).toEqual([])
  const written = touching.filter(({ text }) => /^(pwrite|pwritev|pwritev2|fdatasync)\(/.test(text))
  expect(written.length, 'the writer was seen to write').toBeGreaterThan(0)
})

test('the trace shows a main thread that does look at the log', async () => {
  if (!canTrace) return
  const directory = temporaryDirectory()
  const calls = await trace(directory, 100, '--touch')
  const touching = between(calls).filter((call) => touchesLog(call, join(directory, 'wal'), mappingsOf(calls)))
  expect(touching.filter(({ thread }) => thread === calls[0]?.thread)).not.toEqual([])
})
