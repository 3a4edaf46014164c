/** The thread that plans a checkpoint: one pass over the log, away from the event loop. The other end is compaction.ts. */
import { parentPort, workerData } from 'node:worker_threads'
import { WalError } from '../errors.js'
import { readLogChunks } from '../wal/inspect.js'
import type { PlanAnswer, PlanRequest } from './compaction.js'
import { CompactionPlanner, type CompactionPlan } from './plan.js'

async function planOf({ directory, throughSegment }: PlanRequest): Promise<CompactionPlan> {
  const planner = new CompactionPlanner()
  for await (const chunk of readLogChunks(directory, { live: true, throughSegment, reuse: true })) planner.takeChunk(chunk)
  return planner.plan()
}

async function answer(): Promise<void> {
  try {
    const plan = await planOf(workerData as PlanRequest)
    const said: PlanAnswer = { plan }
    parentPort?.postMessage(said, [plan.keepFromLsn.buffer as ArrayBuffer, plan.alsoLsns.buffer as ArrayBuffer])
  } catch (error) {
    if (!(error instanceof WalError)) throw error
    const { code, message } = error
    const said: PlanAnswer = { error: { code, message } }
    parentPort?.postMessage(said)
  }
}

// What is not caught ends the thread, and is told at the other end.
void answer()
