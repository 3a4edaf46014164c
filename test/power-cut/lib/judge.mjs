// Looks at what a power cut left, from outside of the log: what was marked as acknowledged has to be there.
import { existsSync } from 'node:fs'
import { scanLog } from '../../../dist/esm/index.js'
import { addTo, countsOf, openJob, totalOf } from './job.mjs'

/** Measurements that are added behind the cut. */
const MORE = 20
const AS_IT_IS = { maintenance: false }

/**
 * Throws when anything is wrong with the log at `directory`, of which `acknowledged` measurements were acknowledged: one of them
 * is missing, what is there is no prefix, damage is reported, recovering twice is not recovering once, or it does not go on.
 * Returns how many were there.
 */
export async function judge(directory, acknowledged) {
  if (!existsSync(directory)) throw new Error('the directory is gone')
  await expectClean(directory, 'after the cut')
  const total = await inJob(directory, async (_, counts) => totalOf(counts))
  if (total < acknowledged) throw new Error(`${total} measurements are there, ${acknowledged} were acknowledged`)
  await inJob(directory, async (service, counts) => {
    const again = totalOf(counts)
    if (again !== total) throw new Error(`recovered once: ${total} measurements, twice: ${again}`)
    for (let number = total; number < total + MORE; number++) await addTo(service, number, counts)
    await service.wal.durable()
  })
  const later = await inJob(directory, async (_, counts) => totalOf(counts))
  if (later !== total + MORE) throw new Error(`${total + MORE} measurements were logged in the end, ${later} are there`)
  await expectClean(directory, 'in the end')
  return total
}

async function inJob(directory, look) {
  const service = await openJob(directory, AS_IT_IS)
  try {
    const { damage } = service.wal.recovery
    if (damage.length > 0) throw new Error(`taken for damage: ${JSON.stringify(damage[0])}`)
    return await look(service, await countsOf(service))
  } finally {
    await service.close()
  }
}

/** What `verify` says. */
async function expectClean(directory, when) {
  const { damage } = await scanLog(directory)
  if (damage.length > 0) throw new Error(`verify ${when}: ${JSON.stringify(damage[0])}`)
}
