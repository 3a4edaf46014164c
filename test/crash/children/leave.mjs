// Leaves a process, or a worker thread, in every way there is, with a batch under way. What was appended is reported on
// standard output as the last LSN.
//   node leave.mjs DIRECTORY WAY
import { writeSync } from 'node:fs'
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads'

const BATCH = 1000
/** Nothing but the ring has the entries when the process goes. */
const NEVER_FLUSHED = { batchIntervalMs: 3_600_000, batchBytes: 1 << 22 }

const [directory, way] = isMainThread ? process.argv.slice(2) : workerData

async function openLog(options = {}) {
  const { Wal } = await import('../../../dist/esm/index.js')
  return Wal.open({ directory, segmentBytes: 1 << 20, ...options })
}

function appendBatch(wal) {
  for (let i = 0; i < BATCH; i++) wal.append(2, `user-${i % 10}`, Buffer.from(`payload-${wal.lastLsn + 1}`))
}

function say(text) {
  writeSync(1, `${text}\n`)
}

async function openAndAppend(options) {
  const wal = await openLog(options)
  appendBatch(wal)
  say(wal.lastLsn)
  return wal
}

/** Runs this file in a worker thread, which goes the way of `name`. */
function startWorker(name) {
  const worker = new Worker(new URL(import.meta.url), { workerData: [directory, name] })
  const message = new Promise((resolve) => worker.once('message', resolve))
  const error = new Promise((resolve) => worker.once('error', resolve))
  const exit = new Promise((resolve) => worker.once('exit', resolve))
  return { worker, message, error, exit }
}

const WAYS = {
  'process.exit in mid-batch': async () => {
    await openAndAppend()
    process.exit(7)
  },
  'process.exit with a batch that is not due': async () => {
    await openAndAppend(NEVER_FLUSHED)
    process.exit(7)
  },
  'process.exit while durable is awaited': async () => {
    const wal = await openAndAppend()
    void wal.durable()
    process.exit(7)
  },
  'process.exit while close is awaited': async () => {
    const wal = await openAndAppend()
    void wal.close()
    process.exit(7)
  },
  'process.exit while open is awaited': async () => {
    const wal = await openAndAppend()
    await wal.close()
    void openLog()
    process.exit(7)
  },
  'process.exit while entries are read': async () => {
    const wal = await openAndAppend()
    void wal.entries().next()
    process.exit(7)
  },
  'an uncaught error in mid-batch': async () => {
    await openAndAppend()
    setImmediate(() => {
      throw new Error('out of the blue')
    })
  },
  'an error thrown by a listener': async () => {
    const wal = await openAndAppend()
    wal.on('rotate', () => {
      throw new Error('out of a listener')
    })
    while (wal.stats().rotations === 0) {
      appendBatch(wal)
      await wal.durable()
    }
  },
  abort: async () => {
    await openAndAppend()
    process.abort()
  },
  'a log left open': () => openAndAppend(),
  'a durable that nobody awaits': async () => {
    const wal = await openAndAppend(NEVER_FLUSHED)
    void wal.durable().then(() => say('durable'))
  },
  'a drained that nobody awaits': async () => {
    const wal = await openLog({ ...NEVER_FLUSHED, queueBytes: 1 << 16, batchBytes: 1 << 16 })
    try {
      for (;;) appendBatch(wal)
    } catch (error) {
      if (error.code !== 'ERR_WAL_BACKPRESSURE') throw error
    }
    say(wal.lastLsn)
    void wal.drained().then(() => say('drained'))
  },
  'worker.terminate in mid-batch': async () => {
    const { worker, message, exit } = startWorker('append for ever')
    say(await message)
    await worker.terminate()
    await exit
    // The thread's log was let go of: the directory can be opened again, here.
    const wal = await openLog()
    say(wal.lastLsn)
    await wal.close()
  },
  'process.exit in a worker': async () => {
    const { exit } = startWorker('process.exit in mid-batch')
    say(`exit ${await exit}`)
  },
  'an uncaught error in a worker': async () => {
    const { error, exit } = startWorker('an uncaught error in mid-batch')
    say(`error ${(await error).message}`)
    say(`exit ${await exit}`)
  },
  'process.exit of the main thread, only a worker has the addon': async () => {
    const { message } = startWorker('append for ever')
    say(await message)
    process.exit(7)
  },
  'an uncaught error of the main thread, only a worker has the addon': async () => {
    const { message } = startWorker('append for ever')
    say(await message)
    throw new Error('out of the blue')
  },
  'append for ever': async () => {
    const wal = await openLog({ batchIntervalMs: 1 })
    for (let round = 0; ; round++) {
      try {
        appendBatch(wal)
      } catch (error) {
        if (error.code !== 'ERR_WAL_BACKPRESSURE') throw error
        await wal.drained()
      }
      if (round === 3) parentPort.postMessage(wal.lastLsn)
      await new Promise((resolve) => setImmediate(resolve))
    }
  },
  'everything for ever': async () => {
    for (let round = 0; ; round++) {
      if (round === 1) parentPort.postMessage('at work')
      const wal = await openLog({ batchIntervalMs: 1 })
      appendBatch(wal)
      void wal.durable().catch(() => undefined)
      for await (const entry of wal.entries({ fromLsn: Math.max(1, wal.lastLsn - 10) })) if (entry.lsn === 0) return
      await wal.close()
    }
  },
  'worker.terminate at 40 moments': async () => {
    const moments = process.argv.slice(4).map(Number)
    for (const [index, moment] of moments.entries()) {
      const { worker, message, exit } = startWorker('everything for ever')
      // One in four is not yet at work.
      if (index % 4 !== 0) await message
      await new Promise((resolve) => setTimeout(resolve, moment))
      await worker.terminate()
      await exit
    }
    const wal = await openLog()
    say(wal.lastLsn)
    await wal.close()
  }
}

await WAYS[way]()
