// Runs `ingest-wal ingest` and kills it with SIGKILL, again and again, until it has finished; what it leaves is held
// against an unbroken run. The moments are random, and the seed decides them: some are a time after the start, up to that
// of a whole run (so opening, recovery and closing are hit as well), the others come where a random row has been reached.
import { spawn } from 'node:child_process'
import { existsSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { mulberry32 } from './generate-measurements.mjs'

const COMMAND = fileURLToPath(new URL('../../dist/esm/cli/main.js', import.meta.url))
/** Part of the kills that come by time after the start instead of by row. */
const KILLS_BY_TIME = 0.4
/** A kill by row waits this long at most behind the row, so that it hits any instruction. */
const LATE_BY_MS = 15

/**
 * One run of the command. `killWhen(progress)` is asked at each progress line, `killAfterMs` counts from the start; `environment` is added to this one.
 * Resolves with `{ killed, code, summary, notes }`.
 */
export function runIngest({ file, directory, out, options = [], killWhen, killAfterMs, delayMs = 0, onProgress, environment = {} }) {
  const args = [COMMAND, 'ingest', file, '--directory', directory, '--out', out, '--json', '--progress', 'json', ...options]
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'pipe'], env: { ...process.env, ...environment } })
    const notes = []
    let stdout = ''
    let doomed = false
    const kill = (afterMs) => {
      if (doomed) return
      doomed = true
      setTimeout(() => child.kill('SIGKILL'), afterMs)
    }
    if (killAfterMs !== undefined) kill(killAfterMs)
    child.stdout.on('data', (chunk) => (stdout += chunk))
    createInterface({ input: child.stderr }).on('line', (line) => {
      if (!line.startsWith('{')) return notes.push(line)
      const progress = JSON.parse(line)
      onProgress?.(progress)
      if (killWhen?.(progress) === true) kill(delayMs)
    })
    child.on('error', reject)
    child.on('close', (code, signal) => {
      const killed = signal === 'SIGKILL'
      if (!killed && code !== 0) return reject(new Error(`ingest answered ${code ?? signal}:\n${notes.join('\n')}`))
      resolve({ killed, code, summary: killed ? undefined : JSON.parse(stdout), notes })
    })
  })
}

/**
 * Runs until it has been killed `kills` times and then finishes. A run that finishes before its moment is started again
 * like the others. `rows` and `durationMs` are those of an unbroken run.
 */
export async function ingestWithKills({ file, directory, out, options, kills, rows, durationMs, random, onProgress, onKill }) {
  let killed = 0
  const targets = Array.from({ length: kills }, () => Math.floor(random() * rows)).sort((a, b) => a - b)
  for (;;) {
    const run = { file, directory, out, options, onProgress }
    if (killed < kills) {
      if (random() < KILLS_BY_TIME) run.killAfterMs = random() * durationMs
      else {
        const target = targets[killed]
        run.killWhen = (progress) => progress.rows >= target
        run.delayMs = random() * LATE_BY_MS
      }
    }
    const result = await runIngest(run)
    if (!result.killed && killed >= kills) return { ...result, kills: killed }
    if (!result.killed) continue
    killed++
    onKill?.(killed, result)
  }
}

/** Rows in the log: every run's, while nothing of the log's history was removed. */
async function loggedRows(directory) {
  const { Operation, readLogChunks } = await import('../../dist/esm/index.js')
  let rows = 0
  for await (const { length } of readLogChunks(directory, { operations: [Operation.ADD_MEASUREMENT], reuse: true })) rows += length
  return rows
}

/**
 * An unbroken run and one with kills, each on a log of its own. Resolves with both summaries, the rows that all runs of the
 * second logged, and whether the states agree.
 */
export async function compareWithUnbroken({ file, work, options = [], kills, seed, unbroken, ...callbacks }) {
  const whole = unbroken ?? (await unbrokenRun({ file, work, options, onProgress: callbacks.onProgress }))
  const directory = join(work, `killed-${seed}`)
  const out = join(work, `killed-${seed}.json`)
  rmSync(directory, { recursive: true, force: true })
  rmSync(out, { force: true })
  const broken = await ingestWithKills({
    file,
    directory,
    out,
    options,
    kills,
    rows: whole.summary.rows,
    durationMs: whole.durationMs,
    random: mulberry32(seed),
    ...callbacks
  })
  const same = existsSync(out) && readFileSync(out).equals(readFileSync(whole.out))
  return { seed, whole, broken, logged: await loggedRows(directory), same }
}

export async function unbrokenRun({ file, work, options = [], onProgress }) {
  const directory = join(work, 'unbroken')
  const out = join(work, 'unbroken.json')
  rmSync(directory, { recursive: true, force: true })
  const startedAt = performance.now()
  const { summary } = await runIngest({ file, directory, out, options, onProgress })
  return { summary, out, directory, durationMs: performance.now() - startedAt }
}
