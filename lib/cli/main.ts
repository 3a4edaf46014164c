#!/usr/bin/env node
/** The command line's entry. */
import { run } from './program.js'

const answer = await run(process.argv.slice(2))
// Set, not exited with: what was written to a pipe is still on its way. A command may have set an answer of its own.
if (answer !== 0) process.exitCode = answer
