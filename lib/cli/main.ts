#!/usr/bin/env node
/** The command line's entry. */
import { ExitCode } from './exit-codes.js'
import { run } from './program.js'

const LINGER_MS = 200

const answer = await run(process.argv.slice(2))
// Set, not exited with: what was written to a pipe is still on its way. A command may have set an answer of its own.
if (answer !== ExitCode.clean) process.exitCode = answer
// A look at a large log that is under way in a thread cannot be called off, and `process.exit` would wait for it too. The
// process then dies of the signal, which a shell reports as the same 130. The timer keeps nothing alive by itself.
if (answer === ExitCode.interrupted) setTimeout(() => process.kill(process.pid, 'SIGINT'), LINGER_MS).unref()
