/** Cuts what changes a disk, wherever it may be cut, and lets it be repeated. */
import { seededRandom } from '../crash/support.js'
import type { Forgotten, MemoryDisk } from './memory-disk.js'

export interface Part {
  start?: (made: MemoryDisk) => void
  run: () => Promise<void>
  /** After a cut, wherever it was. Empty: all is well. */
  wrong: () => string | Promise<string>
  /** Besides, when it has been run to its end. `settled`: nobody died before whose last changes nobody has made durable. */
  wrongAtEnd: (settled: boolean) => string
}

export interface Explored {
  states: number
  failures: string[]
}

/** Where the parts run: the disk that they meet, and one as it is before. */
export interface Stage {
  disk: MemoryDisk | undefined
  newDisk: () => MemoryDisk
}

/** Cuts a part at each of its changes in turn, comes up, cuts it once more, and lets it end. Every disk after a cut is a state. */
export async function explore(stage: Stage, part: Part, states: number, seed: number, forgets?: Forgotten): Promise<Explored> {
  const disk = (): MemoryDisk => stage.disk as MemoryDisk
  const random = seededRandom(seed)
  const explored: Explored = { states: 0, failures: [] }
  let settled = true
  const look = async (when: string, ended: boolean): Promise<void> => {
    explored.states++
    const wrong = (await part.wrong()) || (ended ? part.wrongAtEnd(settled) : '')
    if (wrong !== '') explored.failures.push(`${when}: ${wrong} (seed ${seed}, state ${explored.states})`)
  }
  const runWith = async (cutAt: number): Promise<void> => {
    if (cutAt > 0) disk().cutAt(cutAt)
    try {
      await part.run()
    } catch (error) {
      if (disk().powered) explored.failures.push(`run: ${(error as Error).message} (seed ${seed}, state ${explored.states})`)
    }
  }
  const comeUp = (): void => {
    // Who dies without a power cut leaves what is not durable yet to whoever comes next.
    const dies = random() < 0.25
    settled &&= !dies
    stage.disk = dies ? disk().afterProcessDeath() : disk().afterPowerCut(random)
  }
  const begin = (): void => {
    stage.disk = stage.newDisk()
    disk().forgets = forgets
    part.start?.(disk())
  }
  begin()
  const before = disk().steps
  await runWith(0)
  const changes = disk().steps - before
  for (let cut = 1; explored.states < states && explored.failures.length === 0; cut = (cut % changes) + 1) {
    begin()
    settled = true
    await runWith(cut)
    comeUp()
    await look(`cut at change ${cut} of ${changes}`, false)
    await runWith(1 + Math.floor(random() * changes))
    comeUp()
    await look('cut again', false)
    await runWith(0)
    await look('run to its end', true)
    stage.disk = disk().afterPowerCut(random)
    await look('cut behind its end', true)
  }
  return explored
}
