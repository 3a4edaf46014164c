// What the tests of this folder share: temporary logs, seeded chance, child processes.
import { spawn, type ChildProcess } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { onTestFinished } from 'vitest'

/** A directory that goes when the test is over. */
export function temporaryDirectory(): string {
  const directory = mkdtempSync(join(tmpdir(), 'ingest-wal-crash-'))
  onTestFinished(() => rmSync(directory, { recursive: true, force: true }))
  return directory
}

/** A number from 0 (included) to 1; the same sequence for the same seed (mulberry32). */
export function seededRandom(seed: number): () => number {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}

/** From INGEST_WAL_SEED, or new; printed, so that a failure can be repeated. */
export function printedSeed(what: string): number {
  const given = process.env['INGEST_WAL_SEED']
  const seed = given === undefined ? Math.floor(Math.random() * 2 ** 31) : Number(given)
  process.stderr.write(`${what}: INGEST_WAL_SEED=${seed}\n`)
  return seed
}

export function sleep(milliseconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, milliseconds))
}

export interface Ended {
  code: number | null
  signal: NodeJS.Signals | null
  stdout: string
  stderr: string
}

export interface Child {
  process: ChildProcess
  /** Resolves when the process has ended and all that it wrote has arrived. */
  ended: Promise<Ended>
}

/** Runs a program of children/. Descriptor 3 is a pipe to `onReport`. It does not outlive the test. */
export function startChild(name: string, args: readonly string[], onReport?: (bytes: Buffer) => void): Child {
  const script = join(import.meta.dirname, 'children', name)
  return start(process.execPath, [script, ...args], onReport)
}

export function start(command: string, args: readonly string[], onReport?: (bytes: Buffer) => void, env: NodeJS.ProcessEnv = process.env): Child {
  const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'pipe', 'pipe'], env })
  onTestFinished(() => void child.kill('SIGKILL'))
  const text = { stdout: '', stderr: '' }
  child.stdout?.on('data', (bytes: Buffer) => (text.stdout += bytes.toString()))
  child.stderr?.on('data', (bytes: Buffer) => (text.stderr += bytes.toString()))
  child.stdio[3]?.on('data', (bytes: Buffer) => onReport?.(bytes))
  const ended = new Promise<Ended>((resolve, reject) => {
    child.once('error', reject)
    child.once('close', (code, signal) => resolve({ code, signal, ...text }))
  })
  return { process: child, ended }
}
