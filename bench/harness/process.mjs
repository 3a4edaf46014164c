/** Child processes that end with this one. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'

let current

/**
 * Runs a program to its end and resolves to what it printed. Rejects when it cannot be started, fails, or takes longer
 * than `timeoutMs`; `endsKilled`: it is to end by SIGKILL.
 */
export async function outputOf(program, args, { timeoutMs, endsKilled = false }) {
  const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'pipe'], timeout: timeoutMs, killSignal: 'SIGTERM' })
  current = child
  let stdout = ''
  let stderr = ''
  child.stdout.setEncoding('utf8').on('data', (text) => (stdout += text))
  child.stderr.setEncoding('utf8').on('data', (text) => (stderr += text))
  const [code, signal] = await once(child, 'close')
  current = undefined
  if (code === 0 || (endsKilled && signal === 'SIGKILL')) return stdout
  const lines = stderr.trim().split('\n')
  const ended = `ended with ${signal ?? `exit code ${code}`}: ${lines.at(-1)}`
  throw new Error(lines.find((line) => /error/i.test(line)) ?? ended)
}

/** On SIGINT and SIGTERM the child is killed, `cleanUp` is called, and the process ends with the signal's exit code. */
export function endOnSignals(cleanUp) {
  for (const [signal, number] of [['SIGINT', 2], ['SIGTERM', 15]]) {
    process.once(signal, () => {
      current?.kill('SIGKILL')
      cleanUp()
      process.exit(128 + number)
    })
  }
}
