// One run of one job by one competitor, in a process of its own. Started by run.mjs with a JSON object as its argument;
// prints the measured figures as one line of JSON.
import { bytesOnDisk, metered, peakMemoryBytes } from './harness/meter.mjs'

const spec = JSON.parse(process.argv[2])
const job = await import(`./jobs/${spec.job}.mjs`)
const competitor = await import(`./competitors/${spec.competitor}.mjs`)
const context = { ...spec, competitor }

if (spec.phase === 'prepare') {
  await job.prepare(context)
} else {
  const measured = await job.run(context)
  const metrics = await metered(measured)
  const figures = { ...metrics, peakMemoryBytes: peakMemoryBytes(), diskBytes: bytesOnDisk(spec.directory) }
  process.stdout.write(`${JSON.stringify(figures)}\n`)
}
