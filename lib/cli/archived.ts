/** What a log keeps in `archive/`: checkpoints under a name, and segments that retention has moved there. */
import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { scanLog, type Damage, type LogScan } from '../index.js'
import { escapeText } from './escape.js'
import { unlessAborted } from './session.js'
import { formatCount, formatTable, plural } from './table.js'

const ARCHIVE = 'archive'
const CHECKPOINT = /\.ckpt$/
const SEGMENT = /^\d{16}\.wal(\.gz)?$/

export interface ArchivedFile {
  /** Its path in the log's directory. */
  file: string
  kind: 'checkpoint' | 'segment'
  bytes: number
  entries: number
  /** Of its entries; 0 when it has none. */
  firstLsn: number
  lastLsn: number
  /** The last LSN that a checkpoint stands for; of a segment the same as `lastLsn`. */
  coveredLsn: number
  damage: Damage[]
}

/**
 * Looks at every byte of the files that are archived in the log's directory, by name; none where there is no archive or `path` is
 * a file. Throws what `scanLog` throws; a file that goes meanwhile is left out.
 */
export async function archivedFiles(path: string, signal: AbortSignal): Promise<ArchivedFile[]> {
  const found: ArchivedFile[] = []
  for (const name of await namesIn(join(path, ARCHIVE))) {
    const kind = CHECKPOINT.test(name) ? 'checkpoint' : SEGMENT.test(name) ? 'segment' : undefined
    if (kind === undefined) continue
    try {
      const scan = await unlessAborted(scanLog(join(path, ARCHIVE, name)), signal)
      found.push(archivedFile(`${ARCHIVE}/${name}`, kind, scan))
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ERR_WAL_NOT_FOUND') throw error
    }
  }
  return found
}

async function namesIn(directory: string): Promise<string[]> {
  try {
    return (await readdir(directory)).sort()
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code === 'ENOENT' || code === 'ENOTDIR') return []
    throw error
  }
}

function archivedFile(file: string, kind: ArchivedFile['kind'], scan: LogScan): ArchivedFile {
  const [held = { firstLsn: 0, lastLsn: 0 }] = [...scan.checkpoints, ...scan.segments]
  const { firstLsn, lastLsn } = held
  const coveredLsn = 'coveredLsn' in held ? held.coveredLsn : lastLsn
  // The name of a damaged file is what the operator knows it by.
  const damage = scan.damage.map((stretch) => ({ ...stretch, file }))
  return { file, kind, bytes: scan.bytes, entries: scan.entries, firstLsn, lastLsn, coveredLsn, damage }
}

export function archiveTable(archived: readonly ArchivedFile[]): string {
  if (archived.length === 0) return ''
  const columns = [
    { title: 'ARCHIVED' },
    { title: 'KIND' },
    { title: 'ENTRIES', align: 'right' },
    { title: 'UP TO LSN', align: 'right' },
    { title: 'BYTES', align: 'right' },
    { title: 'CHECK' }
  ] as const
  const rows = archived.map(({ file, kind, entries, coveredLsn, bytes, damage }) => [
    escapeText(file),
    kind,
    formatCount(entries),
    String(coveredLsn),
    formatCount(bytes),
    damage.length > 0 ? `damaged in ${plural(damage.length, 'place', 'places')}` : 'ok'
  ])
  return formatTable(columns, rows)
}

/** "2 checkpoints, 3 segments, 12,345 bytes", or "none". */
export function archiveSummary(archived: readonly ArchivedFile[]): string {
  if (archived.length === 0) return 'none'
  const count = (kind: ArchivedFile['kind']): number => archived.filter((file) => file.kind === kind).length
  const bytes = archived.reduce((sum, file) => sum + file.bytes, 0)
  const counted = [
    [count('checkpoint'), plural(count('checkpoint'), 'checkpoint', 'checkpoints')],
    [count('segment'), plural(count('segment'), 'segment', 'segments')]
  ] as const
  return [...counted.filter(([held]) => held > 0).map(([, text]) => text), plural(bytes, 'byte', 'bytes')].join(', ')
}
