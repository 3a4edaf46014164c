/** The built command line as a child process. */
import { spawn, type ChildProcess } from 'node:child_process'
import { fileURLToPath } from 'node:url'

export const CLI = fileURLToPath(new URL('../../dist/esm/cli/main.js', import.meta.url))

export interface CliResult {
  code: number | null
  signal: NodeJS.Signals | null
  stdout: string
  stderr: string
}

export interface RunningCli {
  child: ChildProcess
  /** What stdout has said so far. */
  stdout(): string
  /** Resolves as soon as `stdout` holds `count` lines; rejects when the process ends before. */
  lines(count: number): Promise<string[]>
  result: Promise<CliResult>
}

/** Colours and terminals of whoever runs the tests must not matter. */
function plainEnvironment(extra: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  const { NO_COLOR: _no, FORCE_COLOR: _force, NODE_OPTIONS: _options, ...rest } = process.env
  return { ...rest, ...extra }
}

export function startCli(args: readonly string[], environment: NodeJS.ProcessEnv = {}): RunningCli {
  const child = spawn(process.execPath, [CLI, ...args], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: plainEnvironment(environment)
  })
  let stdout = ''
  let stderr = ''
  const listeners = new Set<() => void>()
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    stdout += text
    for (const listener of listeners) listener()
  })
  child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text))
  const result = new Promise<CliResult>((resolve, reject) => {
    child.on('error', reject)
    child.on('close', (code, signal) => resolve({ code, signal, stdout, stderr }))
  })
  const lines = (count: number) =>
    new Promise<string[]>((resolve, reject) => {
      const look = () => {
        const whole = stdout.split('\n').slice(0, -1)
        if (whole.length < count) return
        listeners.delete(look)
        resolve(whole)
      }
      listeners.add(look)
      look()
      void result.then((ended) => reject(new Error(`ended with ${ended.code} before line ${count}: ${ended.stderr}`)), reject)
    })
  return { child, stdout: () => stdout, lines, result }
}

export async function runCli(args: readonly string[], environment: NodeJS.ProcessEnv = {}): Promise<CliResult> {
  return startCli(args, environment).result
}
