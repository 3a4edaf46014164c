// One run of one job by one competitor, in a process of its own. Started by run.mjs with a JSON object as its argument;
// prints the measured figures as one line of JSON.
import { mkdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import * as meter from './harness/meter.mjs'

const spec = JSON.parse(process.argv[2])
const job = await import(`./jobs/${spec.job}.mjs`)
const competitor = await import(`./competitors/${spec.competitor}.mjs`)
const context = { ...spec, competitor }

if (spec.phase === 'prepare') {
  await job.prepare(context)
} else {
  await warmUp()
  const deviceBefore = meter.deviceWrittenBytes(spec.directory)
  const writtenBefore = meter.writtenBytes()
  const measured = await job.run(context)
  const metrics = await meter.metered(measured)
  const cost = {
    peakMemoryBytes: meter.peakMemoryBytes(),
    diskBytes: meter.bytesOnDisk(spec.directory),
    writtenBytes: meter.writtenBytes() - writtenBefore,
    deviceBefore
  }
  process.stdout.write(`${JSON.stringify({ ...metrics, ...cost })}\n`)
}

async function warmUp() {
  if (job.warmUp === undefined) return
  const directory = join(spec.directory, 'warm-up')
  mkdirSync(directory)
  await job.warmUp({ ...context, directory })
  rmSync(directory, { recursive: true })
  meter.syncDevice()
}
