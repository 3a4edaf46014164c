/** Writes a checkpoint: the plan is made by a thread of its own, the file by the native core. The event loop does neither. */
import { join } from 'node:path'
import { Worker } from 'node:worker_threads'
import type { NativeCheckpoint } from '../../binding.js'
import { throwIfAborted, WalError, type WalErrorCode } from '../errors.js'
import { fromNative, native, packageRoot } from '../native.js'
import type { CompactionPlan } from './plan.js'
import { noteStep } from './steps.js'

export interface PlanRequest {
  directory: string
  throughSegment: number
}

export type PlanAnswer = { plan: CompactionPlan } | { error: { code: WalErrorCode; message: string } }

export interface CheckpointRequest extends PlanRequest {
  /** Whether it may end with the process (true), or keeps it alive. */
  inBackground: boolean
  signal: AbortSignal
  /**
   * For repair: the checkpoint goes on without entries that are lost, and keeps every other one: those that are live, or the
   * whole history. Without it, a loss ends it.
   */
  withoutLost?: 'live' | 'history'
}

/** Keeps the entries of everybody. */
const KEEP_ALL: CompactionPlan = { users: [], keepFromLsn: new Float64Array(), alsoLsns: new Float64Array() }

/**
 * Writes the next checkpoint of everything up to `throughSegment`, which must be complete. Throws `ERR_WAL_CORRUPT` when the log
 * has lost entries there, `ERR_WAL_ABORTED`, `ERR_WAL_NO_SPACE`, and what reading and writing throws; no checkpoint is left then.
 */
export async function writeCheckpoint(request: CheckpointRequest): Promise<NativeCheckpoint> {
  const { directory, throughSegment, signal, withoutLost } = request
  const plan = withoutLost === undefined ? await planInThread(request) : KEEP_ALL
  const losses = { acceptsLosses: withoutLost !== undefined, history: withoutLost === 'history' }
  noteStep(directory, 'planned')
  throwIfAborted(signal)
  const abort = new Int32Array(new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT))
  const onAbort = (): void => void Atomics.store(abort, 0, 1)
  signal.addEventListener('abort', onAbort, { once: true })
  try {
    const checkpoint = await native().writeCheckpoint({ directory, throughSegment, ...plan, ...losses, abort })
    noteStep(directory, 'written')
    return checkpoint
  } catch (error) {
    throwIfAborted(signal)
    throw fromNative(error)
  } finally {
    signal.removeEventListener('abort', onAbort)
  }
}

async function planInThread({ directory, throughSegment, inBackground, signal }: CheckpointRequest): Promise<CompactionPlan> {
  throwIfAborted(signal)
  // One file for both builds: a thread is what it is, whoever starts it.
  const file = join(packageRoot(), 'dist', 'esm', 'maintenance', 'compaction-worker.js')
  const request: PlanRequest = { directory, throughSegment }
  // What lives long in it is small; a larger young generation is memory of the process, and no faster.
  const resourceLimits = { maxYoungGenerationSizeMb: 8 }
  const worker = new Worker(file, { workerData: request, execArgv: [], name: 'ingest-wal checkpoint', resourceLimits })
  if (inBackground) worker.unref()
  const onAbort = (): void => void worker.terminate()
  signal.addEventListener('abort', onAbort, { once: true })
  try {
    const answer = await answerOf(worker)
    throwIfAborted(signal)
    if (answer !== undefined && 'plan' in answer) return answer.plan
    if (answer === undefined) throw new WalError('ERR_WAL_IO', 'the thread that plans a checkpoint ended without an answer')
    throw new WalError(answer.error.code, answer.error.message)
  } finally {
    signal.removeEventListener('abort', onAbort)
    await worker.terminate()
  }
}

/** Undefined when it ends without one. Rejects with what it did not catch. */
function answerOf(worker: Worker): Promise<PlanAnswer | undefined> {
  return new Promise((resolve, reject) => {
    worker.once('message', (answer: PlanAnswer) => resolve(answer))
    worker.once('error', (cause) => {
      reject(new WalError('ERR_WAL_IO', `the thread that plans a checkpoint failed: ${String(cause)}`, { cause }))
    })
    worker.once('exit', () => resolve(undefined))
  })
}
