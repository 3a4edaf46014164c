/** What a piece of work cost this process, and the disk. */
import { spawnSync } from 'node:child_process'
import { lstatSync, readdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'

const SECTOR_BYTES = 512

/** Runs `work` and adds `seconds` and `cpuSeconds` (user and system, all threads) to what it resolves to. */
export async function metered(work) {
  const before = process.resourceUsage()
  const startedAt = performance.now()
  const metrics = await work()
  const seconds = (performance.now() - startedAt) / 1000
  const after = process.resourceUsage()
  const cpuMicros = after.userCPUTime + after.systemCPUTime - before.userCPUTime - before.systemCPUTime
  return { seconds, cpuSeconds: cpuMicros / 1e6, ...metrics }
}

/** Peak resident memory of this process so far. */
export function peakMemoryBytes() {
  return process.resourceUsage().maxRSS * 1024
}

/** Bytes that a directory's files occupy on disk. */
export function bytesOnDisk(directory) {
  let bytes = 0
  for (const entry of readdirSync(directory, { recursive: true, withFileTypes: true })) {
    if (entry.isFile()) bytes += lstatSync(join(entry.parentPath ?? entry.path, entry.name)).blocks * SECTOR_BYTES
  }
  return bytes
}

/** Returns when the system has written what it held back. */
export function syncDevice() {
  spawnSync('sync')
}

/**
 * Bytes that this process gave to the block layer since it began, less those that were dropped again; NaN where
 * the system does not tell. The kernel counts whole folios: small writes into large ones look larger than they are.
 */
export function writtenBytes() {
  const text = readIfThere('/proc/self/io')
  if (text === undefined) return NaN
  const value = (name) => Number(new RegExp(`^${name}: (\\d+)$`, 'm').exec(text)?.[1] ?? NaN)
  return value('write_bytes') - value('cancelled_write_bytes')
}

/** Bytes that all processes together have written to the device under `directory`, metadata included; NaN: not told. */
export function deviceWrittenBytes(directory) {
  const { dev } = statSync(directory)
  const major = ((dev >>> 8) & 0xfff) | 0
  const minor = (dev & 0xff) | ((dev >>> 12) & 0xfff00)
  const text = readIfThere(`/sys/dev/block/${major}:${minor}/stat`)
  return text === undefined ? NaN : Number(text.trim().split(/\s+/)[6]) * SECTOR_BYTES
}

function readIfThere(path) {
  try {
    return readFileSync(path, 'utf8')
  } catch (error) {
    if (error.code === 'ENOENT' || error.code === 'EACCES') return undefined
    throw error
  }
}
