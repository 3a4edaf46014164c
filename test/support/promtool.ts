/** promtool, Prometheus' own checker (Debian's package `prometheus`); tests say so where it is absent. */
import { spawnSync } from 'node:child_process'
import { withoutSanitizer } from './sanitizer.js'

/**
 * What promtool says to these arguments; undefined, with a note on stderr, where there is no promtool.
 * `input` is its standard input.
 */
export function promtool(args: readonly string[], input = ''): { status: number | null; output: string } | undefined {
  const { status, stdout, stderr, error } = spawnSync('promtool', args, { input, encoding: 'utf8', env: withoutSanitizer() })
  if (error !== undefined) {
    process.stderr.write(`promtool cannot be run (${error.message}): not checked: promtool ${args.join(' ')}\n`)
    return undefined
  }
  return { status, output: stdout + stderr }
}
