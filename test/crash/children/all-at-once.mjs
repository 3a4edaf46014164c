// Threads that do everything with logs at the same time; each prints nothing, and fails when something is not as it has to be.
//   node all-at-once.mjs DIRECTORY THREADS MAIN
// Each of THREADS worker threads has a log of its own, and takes turns with the others, and with other processes, at one that all
// share. MAIN: 'main too' when the main thread does the same, 'workers alone' when it never loads the addon.
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { isMainThread, threadId, Worker, workerData } from 'node:worker_threads'

const ROUNDS = 12
const ENTRIES_A_ROUND = 150
const TURNS = 5
const ENTRIES_A_TURN = 20
const SMALL = { segmentBytes: 1 << 16, queueBytes: 1 << 17, batchIntervalMs: 1, checkpointBytes: 100_000 }

const [directory, threads, main] = isMainThread ? process.argv.slice(2) : workerData

if (isMainThread) {
  const ends = Array.from({ length: Number(threads) }, () => endOf(new Worker(new URL(import.meta.url), { workerData: [directory] })))
  await Promise.all(main === 'main too' ? [...ends, work()] : ends)
} else {
  await work()
}

function endOf(worker) {
  return new Promise((resolve, reject) => {
    worker.once('error', reject)
    worker.once('exit', (code) => (code === 0 ? resolve() : reject(new Error(`a worker ended with ${code}`))))
  })
}

async function work() {
  const { Wal } = await import('../../../dist/esm/index.js')
  await useOwnLog(Wal, join(directory, `own-${process.pid}-${threadId}`))
  await takeTurns(Wal, join(directory, 'shared'))
}

function payloadOf(lsn) {
  return Buffer.alloc((lsn * 37) % 700, lsn)
}

async function append(wal, entries) {
  for (let i = 0; i < entries; i++) {
    while (!wal.hasRoom(1, 1000)) await wal.drained()
    const lsn = wal.lastLsn + 1
    if (lsn % 3 === 0) wal.appendMeasurement(wal.user(`user-${lsn % 7}`), lsn, lsn)
    else wal.append(lsn % 50 === 1 ? 5 : 2, `user-${lsn % 7}`, payloadOf(lsn))
  }
}

/** Ascending, and each as it was appended. With checkpoints, there are gaps. */
async function read(wal, options) {
  let last = 0
  for await (const chunk of wal.chunks(options)) {
    for (let i = 0; i < chunk.length; i++) {
      const lsn = chunk.lsn(i)
      const isSame = lsn % 3 === 0 ? chunk.measurementValue(i) === lsn : payloadOf(lsn).compare(chunk.payload(i)) === 0
      if (lsn <= last || !isSame) throw new Error(`entry ${lsn} behind ${last} is not what was appended`)
      last = lsn
    }
  }
}

async function useOwnLog(Wal, path) {
  const wal = await Wal.open({ directory: path, ...SMALL })
  for (let round = 0; round < ROUNDS; round++) {
    const durable = []
    const doings = [
      append(wal, ENTRIES_A_ROUND).then(() => durable.push(wal.durable(), wal.durable(wal.lastLsn - 1))),
      read(wal, { fromLsn: 1 + 100 * round, reuse: round % 2 === 0 }),
      read(wal, { live: true }),
      wal.collectMetrics()
    ]
    if (round % 4 === 1) doings.push(wal.checkpoint())
    if (round % 4 === 3) doings.push(wal.compact({ drop: true }))
    await Promise.all(doings)
    await Promise.all(durable)
    wal.stats()
    wal.health()
  }
  const { lastLsn } = wal
  // A reader and a checkpoint that are under way end with the log.
  const late = [read(wal, {}), wal.checkpoint()].map((doing) => doing.catch((error) => expectEnded(error)))
  await wal.close()
  await Promise.all(late)
  const again = await Wal.open({ directory: path, ...SMALL })
  if (again.lastLsn !== lastLsn || again.recovery.damage.length > 0) throw new Error(`${again.lastLsn} entries of ${lastLsn}`)
  await read(again, {})
  await again.close()
}

function expectEnded(error) {
  if (!['ERR_WAL_CLOSED', 'ERR_WAL_ABORTED'].includes(error.code)) throw error
}

/** One writer at a time: whoever comes meanwhile is refused, and comes again. */
async function takeTurns(Wal, path) {
  for (let turn = 0; turn < TURNS; turn++) {
    const wal = await openWhenFree(Wal, path)
    const before = wal.lastLsn
    await append(wal, ENTRIES_A_TURN)
    if (wal.lastLsn !== before + ENTRIES_A_TURN) throw new Error(`${wal.lastLsn} behind ${before}: somebody else appends`)
    await wal.close()
  }
}

async function openWhenFree(Wal, path) {
  for (;;) {
    try {
      return await Wal.open({ directory: path, ...SMALL, maintenance: false })
    } catch (error) {
      if (error.code !== 'ERR_WAL_LOCKED') throw error
      await sleep(2)
    }
  }
}
