#!/usr/bin/env node
/** The command line. */
import { packageVersion } from '../index.js'

process.stdout.write(`ingest-wal ${packageVersion()}\n`)
