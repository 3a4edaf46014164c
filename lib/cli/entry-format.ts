/** One entry as one line of text: the formats of `inspect`. */
import { Operation, type Entry } from '../index.js'
import { csvField, cutTo, escapeText, payloadText, safeJson } from './escape.js'
import { formatTime } from './table.js'

export const ENTRY_FORMATS = ['table', 'json', 'jsonl', 'csv'] as const
export type EntryFormatName = (typeof ENTRY_FORMATS)[number]

/** What comes before the first entry, each entry with its line break, and what comes behind the last. */
export interface EntryFormat {
  head: string
  line(entry: Entry, index: number): string
  tail(count: number): string
}

const LSN_WIDTH = 10
const TIME_WIDTH = 24
const OPERATION_WIDTH = 15
const PLACE_WIDTH = 14
const USER_WIDTH = 20
const PAYLOAD_WIDTH = 60
const LEAST_PAYLOAD_WIDTH = 20
const BEFORE_PAYLOAD = LSN_WIDTH + TIME_WIDTH + OPERATION_WIDTH + PLACE_WIDTH + USER_WIDTH + 5 * 2

const NAMES = new Map<number, string>(Object.entries(Operation).map(([name, operation]) => [operation, name]))

function operationName(operation: number): string {
  return NAMES.get(operation) ?? String(operation)
}

/** The format called `name`. `columns`: width of the terminal, undefined when there is none. */
export function entryFormat(name: EntryFormatName, columns: number | undefined): EntryFormat {
  switch (name) {
    case 'table':
      return tableFormat(columns)
    case 'jsonl':
      return { head: '', line: (entry) => `${entryJson(entry)}\n`, tail: () => '' }
    case 'json':
      return {
        head: '[',
        line: (entry, index) => `${index === 0 ? '\n' : ',\n'}  ${entryJson(entry)}`,
        tail: (count) => (count === 0 ? ']\n' : '\n]\n')
      }
    case 'csv':
      return {
        head: 'lsn,timestamp,operation,user,sequence,segment,offset,payload,encoding\n',
        line: (entry) => `${csvRow(entry)}\n`,
        tail: () => ''
      }
  }
}

// Columns of fixed width: lines are written as they come, nobody knows the widest one.
function tableFormat(columns: number | undefined): EntryFormat {
  const payloadWidth = columns === undefined ? PAYLOAD_WIDTH : Math.max(columns - BEFORE_PAYLOAD, LEAST_PAYLOAD_WIDTH)
  const line = (lsn: string, time: string, operation: string, place: string, user: string, payload: string) =>
    [
      lsn.padStart(LSN_WIDTH),
      time.padEnd(TIME_WIDTH),
      operation.padEnd(OPERATION_WIDTH),
      place.padEnd(PLACE_WIDTH),
      user.padEnd(USER_WIDTH),
      payload
    ]
      .join('  ')
      .trimEnd() + '\n'
  return {
    head: line('LSN', 'TIME', 'OPERATION', 'SEGMENT:OFFSET', 'USER', 'PAYLOAD'),
    line: (entry) =>
      line(
        String(entry.lsn),
        formatTime(entry.timestamp),
        operationName(entry.operation),
        placeText(entry),
        cutTo(escapeText(entry.userId), USER_WIDTH),
        payloadPreview(entry.payload, payloadWidth)
      ),
    tail: () => ''
  }
}

/** In a segment, in a checkpoint, or in the ring only. */
function placeText({ segment, offset }: Entry): string {
  if (segment === 0) return 'staged'
  return segment > 0 ? `${segment}:${offset}` : `ckpt ${-segment}:${offset}`
}

/** The beginning of a payload: text as it is, other bytes in hexadecimal, cut to `width` characters. */
function payloadPreview(payload: Uint8Array, width: number): string {
  const { text, encoding } = payloadText(payload)
  if (encoding === 'utf8') return cutTo(escapeText(text.slice(0, width + 1)), width)
  return cutTo(`0x${Buffer.from(payload.subarray(0, width)).toString('hex')}`, width)
}

function entryJson(entry: Entry): string {
  const { text, encoding } = payloadText(entry.payload)
  return safeJson({
    lsn: entry.lsn,
    timestamp: entry.timestamp,
    operation: operationName(entry.operation),
    user: entry.userId,
    sequence: entry.sequence,
    segment: entry.segment,
    offset: entry.offset,
    payload: text,
    encoding
  })
}

function csvRow(entry: Entry): string {
  const { text, encoding } = payloadText(entry.payload)
  const user = escapeText(entry.userId)
  const payload = encoding === 'utf8' ? escapeText(text) : text
  const { lsn, timestamp, operation, sequence, segment, offset } = entry
  return [lsn, timestamp, operationName(operation), user, sequence, segment, offset, payload, encoding].map(csvField).join(',')
}
