/**
 * Proves that the section "Payloads" of docs/format.md says what buffers, replays and the default codec write: each field
 * of each payload is found at the page's offset in the page's type, and each example of a value has the page's bytes.
 */
import { describe, expect, it } from 'vitest'
import { createDefaultCodec, MeasurementPayload, Operation, Wal } from '../../lib/index.js'
import { END_REASONS, isOurs, LOSS_REASONS, PayloadWriter, readAdd, verdictPayload } from '../../lib/replay/payloads.js'
import { temporaryDirectories } from '../support/temporary-directory.js'
import { section, tableRows } from './format-page.js'

/** The fields of a payload, read as the page's table below `title` says. `value` and `error` run to the end. */
function fieldsOf(title: string, payload: Buffer): Record<string, number | string> {
  const fields: Record<string, number | string> = {}
  for (const row of tableRows(title, 'Offset', 'Type', 'Field')) {
    const at = Number(row['Offset'])
    const name = row['Field'] as string
    switch (row['Type']) {
      case 'u8':
        fields[name] = payload.readUInt8(at)
        break
      case 'u16':
        fields[name] = payload.readUInt16LE(at)
        break
      case 'u32':
        fields[name] = payload.readUInt32LE(at)
        break
      case 'f64':
        fields[name] = payload.readDoubleLE(at)
        break
      default:
        fields[name] = payload.subarray(at).toString()
    }
  }
  return fields
}

describe('each field of each payload is where the page says', () => {
  const writer = new PayloadWriter()
  const value = Buffer.from('VALUE')
  const counted = { buffer: 0x01020304, count: 0x05060708 }
  const given = { ...counted, lastRow: { source: 9, position: 2 ** 40, timestamp: 1.5 } }
  const control = { ...counted, 'row source': 9, 'row position': 2 ** 40, 'row timestamp': 1.5 }
  const written: Record<string, [payload: Uint8Array, fields: Record<string, number | string>]> = {
    START_BUFFER: [
      writer.start({ buffer: 7, windowStart: 1.5, windowEnd: Infinity, maxMeasurements: 100, minMeasurements: 3 }),
      { buffer: 7, 'window start': 1.5, 'window end': Infinity, 'max measurements': 100, 'min measurements': 3 }
    ],
    ADD_MEASUREMENT: [
      new PayloadWriter().add(7, value, { source: 9, position: 2 ** 40 }),
      { origin: 1, buffer: 7, source: 9, position: 2 ** 40, value: 'VALUE' }
    ],
    END_BUFFER: [new PayloadWriter().end({ ...given, reason: 'requested' }), { ...control, reason: 2 }],
    CHECKPOINT: [
      new PayloadWriter().checkpoint({ ...given, attempts: 2, replayed: 12345, value }),
      { ...control, attempts: 2, replayed: 12345, value: 'VALUE' }
    ],
    COMMIT: [
      new PayloadWriter().commit({ ...given, discarded: true, replayed: 12345, value }),
      { ...control, discarded: 1, replayed: 12345, value: 'VALUE' }
    ],
    ROLLBACK: [
      new PayloadWriter().rollback({ ...given, attempts: 3, parked: true, replayed: 12345, error: 'why', value }),
      { ...control, attempts: 3, parked: 1, replayed: 12345, 'error bytes': 3, error: 'whyVALUE' }
    ]
  }

  it('for every operation', () => expect(Object.keys(written)).toEqual(Object.keys(Operation)))

  it.each(Object.entries(written))('%s', (title, [payload, fields]) => {
    expect(fieldsOf(title, Buffer.from(payload))).toEqual({ version: 0xa1, ...fields })
  })

  it('a measurement without an origin begins at 6', () => {
    const payload = writer.add(7, value, undefined)
    expect(Buffer.from(payload).toString('latin1')).toBe('\xa1\x00\x07\x00\x00\x00VALUE')
    expect(section('ADD_MEASUREMENT')).toContain('0: the value follows at once, at 6')
  })

  it('a verdict', () => {
    const loss = { buffer: 7, until: 9, lost: 12 }
    const payload = Buffer.from(verdictPayload([{ ...loss, reason: 'unproven' }, { ...loss, reason: 'outcome' }]))
    expect(fieldsOf('Verdict', payload)).toEqual({ version: 0xa3, losses: 2, ...loss, reason: LOSS_REASONS.indexOf('unproven') })
    expect(section('Verdict')).toContain('13 bytes each')
    expect(payload).toHaveLength(5 + 2 * 13)
    expect(section('Verdict')).toContain(LOSS_REASONS.map((reason, index) => `${index} ${reason}`).join(', '))
  })

  describe('a measurement of numbers alone', () => {
    const title = 'ADD_MEASUREMENT, numbers alone'
    const newDirectory = temporaryDirectories()

    /** What the log itself writes of the measurement. */
    async function writtenBy(...numbers: number[]): Promise<Buffer> {
      const wal = await Wal.open({ directory: newDirectory() })
      const [timestamp, value, ...rest] = numbers as [number, number, ...number[]]
      wal.appendMeasurement('u', timestamp, value, ...rest)
      for await (const entry of wal.entries()) {
        await wal.close()
        return Buffer.from(entry.payload)
      }
      throw new Error('nothing was logged')
    }

    it('with an origin', async () => {
      const payload = await writtenBy(1.5, -0.1, 3, 0xfedcba98, 0x01020304, 2 ** 40)
      const numbers = { buffer: 0xfedcba98, timestamp: 1.5, value: -0.1, source: 0x01020304, position: 2 ** 40 }
      expect(fieldsOf(title, payload)).toEqual({ version: 0xa2, origin: 1, zero: 0, ...numbers })
      expect(payload).toHaveLength(40)
      expect(readAdd(payload)).toEqual({ buffer: 0xfedcba98, origin: { source: 0x01020304, position: 2 ** 40 }, value: { timestamp: 1.5, value: -0.1 } })
    })

    it('without one ends at 24', async () => {
      const payload = await writtenBy(1.5, 7, 1, 5)
      expect(payload.toString('hex')).toBe('a200000005000000000000000000f83f0000000000001c40')
      expect(section(title)).toContain('0: it ends at 24')
      expect(readAdd(payload)).toEqual({ buffer: 5, origin: undefined, value: { timestamp: 1.5, value: 7 } })
    })

    it('the constants of the package are the offsets of the page', () => {
      const offsets = Object.fromEntries(tableRows(title, 'Offset', 'Type', 'Field').map((row) => [row['Field'], Number(row['Offset'])])) as Record<string, number>
      const { ORIGIN_AT, BUFFER_AT, TIMESTAMP_AT, VALUE_AT, SOURCE_AT, POSITION_AT, BYTES, BYTES_WITH_ORIGIN } = MeasurementPayload
      expect(offsets).toMatchObject({ origin: ORIGIN_AT, buffer: BUFFER_AT, timestamp: TIMESTAMP_AT, value: VALUE_AT, source: SOURCE_AT, position: POSITION_AT })
      expect([BYTES, BYTES_WITH_ORIGIN]).toEqual([SOURCE_AT, POSITION_AT + 8])
    })

    it('in no buffer is the service’s own', async () => {
      expect(isOurs(await writtenBy(1, 2, 3, 0))).toBe(false)
      expect(isOurs(await writtenBy(1, 2, 3, 1))).toBe(true)
    })
  })

  it('a buffer without a source has the source 0', () => {
    const payload = writer.end({ ...counted, lastRow: undefined, reason: 'full' })
    expect(fieldsOf('END_BUFFER', Buffer.from(payload))['row source']).toBe(0)
  })

  it('reasons have the numbers of the page', () => {
    const reasons = tableRows('END_BUFFER', 'Field').find((row) => row['Field'] === 'reason')
    expect(reasons?.['Meaning']).toBe(END_REASONS.map((reason, number) => `${number} ${reason}`).join(', '))
  })

  it('payloads are the layer’s own from 0xA0 to 0xAF, and no others', () => {
    for (let first = 0; first < 256; first++) expect(isOurs(Uint8Array.of(first))).toBe(first >= 0xa0 && first <= 0xaf)
    expect(isOurs(new Uint8Array(0))).toBe(false)
  })
})

describe('each example of a value has the bytes of the page', () => {
  const values: Record<string, unknown> = {
    null: null,
    undefined,
    false: false,
    true: true,
    '-3': -3,
    '64.5': 64.5,
    '"Zoë"': 'Zoë',
    '"\\ud800"': '\ud800',
    'new Date(1000)': new Date(1000),
    '12n': 12n,
    'Uint8Array.of(1, 2)': Uint8Array.of(1, 2),
    'Buffer.of(1, 2)': Buffer.of(1, 2),
    'Int16Array.of(-2)': Int16Array.of(-2),
    '[1, "a"]': [1, 'a'],
    '{ value: 72 }': { value: 72 },
    'new Map([[1, 2]])': new Map([[1, 2]]),
    'new Set([1])': new Set([1])
  }
  const codec = createDefaultCodec()
  const rows = tableRows('Values', 'Tag', 'Example', 'Bytes')

  it('the page has an example of every tag, in order', () => {
    expect(rows.map((row) => Number(row['Tag']))).toEqual(rows.map((_, index) => index))
    expect(rows.map((row) => row['Example'])).toEqual(Object.keys(values))
    expect(() => codec.decode(Uint8Array.of(rows.length))).toThrow('no known tag')
  })

  it.each(rows.map((row) => [row['Example'] as string, row['Bytes'] as string]))('%s', (example, hex) => {
    const bytes = Buffer.from(hex.replaceAll(' ', ''), 'hex')
    expect(Buffer.from(codec.encode(values[example]))).toEqual(bytes)
    expect(codec.decode(bytes)).toEqual(values[example])
  })

  it('kinds of typed arrays have the numbers of the page', () => {
    const kinds = [...section('Values').matchAll(/(\d+)\s+`(\w+Array)`/g)]
    expect(kinds).toHaveLength(10)
    for (const [, number, name] of kinds) {
      const type = globalThis[name as 'Int8Array']
      expect(codec.encode(new type(0))[1], name).toBe(Number(number))
    }
  })

  it('whole numbers are short up to 2^52, both ends left out', () => {
    for (const edge of [2 ** 52, -(2 ** 52)]) {
      expect(codec.encode(edge)[0]).toBe(5)
      expect(codec.encode(edge - Math.sign(edge))[0]).toBe(4)
    }
  })
})
