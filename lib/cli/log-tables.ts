/** The files of a log as tables: segments and checkpoints, a line each. */
import type { LogScan } from '../index.js'
import { escapeText } from './escape.js'
import { formatCount, formatTable, formatTime, plural } from './table.js'

const SEGMENT_COLUMNS = [
  { title: 'SEGMENT' },
  { title: 'STATE' },
  { title: 'ENTRIES', align: 'right' },
  { title: 'LSN' },
  { title: 'BATCHES', align: 'right' },
  { title: 'BYTES', align: 'right' },
  { title: 'CHECK' }
] as const

const CHECKPOINT_COLUMNS = [
  { title: 'CHECKPOINT' },
  { title: 'STATE' },
  { title: 'ENTRIES', align: 'right' },
  { title: 'COVERS' },
  { title: 'MADE' },
  { title: 'BYTES', align: 'right' },
  { title: 'CHECK' }
] as const

/** Empty where there are none, unless there are no checkpoints either. */
export function segmentTable(scan: LogScan): string {
  if (scan.segments.length === 0 && scan.checkpoints.length > 0) return ''
  const damaged = damagedPlaces(scan)
  const rows = scan.segments.map((segment) => {
    const torn = !scan.live && scan.tornTail?.file === segment.file
    return [
      escapeText(segment.file),
      segment.covered ? `${segment.state}, covered` : segment.state,
      formatCount(segment.entries),
      segment.entries === 0 ? '-' : `${segment.firstLsn}-${segment.lastLsn}`,
      formatCount(segment.batches),
      formatCount(segment.fileBytes),
      checkText(damaged.get(segment.file), torn ? 'torn tail' : 'ok')
    ]
  })
  return formatTable(SEGMENT_COLUMNS, rows)
}

/** Empty where there are none. */
export function checkpointTable(scan: LogScan): string {
  if (scan.checkpoints.length === 0) return ''
  const damaged = damagedPlaces(scan)
  const rows = scan.checkpoints.map(({ file, state, entries, coveredSegment, coveredLsn, created, fileBytes }) => [
    escapeText(file),
    state,
    formatCount(entries),
    coveredLsn === 0 ? '-' : `LSN 1-${coveredLsn}, segments 1-${coveredSegment}`,
    created === 0 ? '-' : formatTime(created),
    formatCount(fileBytes),
    checkText(damaged.get(file), 'ok')
  ])
  return formatTable(CHECKPOINT_COLUMNS, rows)
}

function damagedPlaces(scan: LogScan): Map<string, number> {
  const damaged = new Map<string, number>()
  for (const { file } of scan.damage) damaged.set(file, (damaged.get(file) ?? 0) + 1)
  return damaged
}

function checkText(places: number | undefined, otherwise: string): string {
  return places === undefined ? otherwise : `damaged in ${plural(places, 'place', 'places')}`
}
