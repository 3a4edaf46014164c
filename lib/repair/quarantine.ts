/** What a repair puts into `quarantine/`: the damaged files as they were, and a report of what is lost. */
import { link, lstat, open, readdir, rename, rm } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { makeDirectory, moveDurably, syncDirectory } from '../maintenance/files.js'
import type { TaintedUser } from '../recovery/report.js'
import { scanLog } from '../wal/inspect.js'
import type { Damage } from '../wal/types.js'

const QUARANTINE = 'quarantine'
const ARCHIVE = 'archive'
const FILE_MODE = 0o600
/** Checkpoints under a label, and segments. */
export const ARCHIVED_FILE = /^.+\.(ckpt|wal|wal\.gz)$/

/** The damage of files that are archived in the log's directory; their names say where. */
export async function damagedArchives(directory: string): Promise<Damage[]> {
  const damage: Damage[] = []
  for (const name of (await namesIn(join(directory, ARCHIVE))).filter((each) => ARCHIVED_FILE.test(each))) {
    const scan = await scanLog(join(directory, ARCHIVE, name))
    damage.push(...scan.damage.map((stretch) => ({ ...stretch, file: `${ARCHIVE}/${name}` })))
  }
  return damage
}

async function namesIn(directory: string): Promise<string[]> {
  try {
    return (await readdir(directory)).sort()
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return []
    throw error
  }
}

/** Moves a file of the log there, durably; whatever it is, it takes the place of nothing. Resolves with its name there. */
export async function moveToQuarantine(directory: string, file: string): Promise<string> {
  const quarantine = await quarantineOf(directory)
  const name = await freeName(quarantine, (number) => (number === 1 ? basename(file) : `${basename(file)}.${number}`))
  const [from, to] = [join(directory, file), join(quarantine, name)]
  // A directory has no second name.
  await moveDurably(from, to, () => rename(from, to))
  return name
}

/** What a repair has found: what was damaged, and whose buffers may miss entries. */
export interface LossReport {
  /** The log that was repaired. */
  original: string
  damage: readonly Damage[]
  tainted: readonly TaintedUser[]
}

/** Writes the report as `repair-N.json`, durably. Resolves with its path. */
export async function writeLossReport(directory: string, report: LossReport): Promise<string> {
  const quarantine = await quarantineOf(directory)
  const path = join(quarantine, await freeName(quarantine, (number) => `repair-${number}.json`))
  const temporary = `${path}.tmp`
  await rm(temporary, { force: true })
  const handle = await open(temporary, 'wx', FILE_MODE)
  try {
    await handle.writeFile(`${JSON.stringify({ repairedAt: new Date().toISOString(), ...report }, undefined, 2)}\n`)
    await handle.sync()
  } finally {
    await handle.close()
  }
  await link(temporary, path)
  await rm(temporary)
  await syncDirectory(quarantine)
  return path
}

async function quarantineOf(directory: string): Promise<string> {
  const quarantine = join(directory, QUARANTINE)
  await makeDirectory(quarantine, directory)
  return quarantine
}

/** The first of the names that nothing has. */
async function freeName(directory: string, nameOf: (number: number) => string): Promise<string> {
  for (let number = 1; ; number++) {
    const name = nameOf(number)
    try {
      await lstat(join(directory, name))
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return name
      throw error
    }
  }
}
