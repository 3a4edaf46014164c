/** What a piece of work cost this process. */
import { lstatSync, readdirSync } from 'node:fs'
import { join } from 'node:path'

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
    if (entry.isFile()) bytes += lstatSync(join(entry.parentPath ?? entry.path, entry.name)).blocks * 512
  }
  return bytes
}
