/**
 * What the CSV reader promises: the records of RFC 4180 however they are quoted, broken into lines or cut into
 * chunks; columns by name; and a reject with its reason, not a lost neighbour, for every row that cannot be read.
 */
import { PassThrough } from 'node:stream'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { MeasurementRow } from '../../lib/ingest/rows.js'
import { openSource } from '../../lib/ingest/source.js'
import { containing, failure, readRows } from './support.js'

const seed = Date.now() & 0x7fffffff
console.log(`csv.test seed ${seed}`)

const T = '2016-04-12T07:21:00Z'
const T_MS = Date.UTC(2016, 3, 12, 7, 21)
const HEADER = 'user,time,value\n'
const MIB = 1024 * 1024

const numberedUsers = (rows: readonly MeasurementRow[]): string[] => rows.map(({ row, userId }) => `${row} ${userId}`)

describe('records', () => {
  test('rows are numbered from 1, the header not counted, and carry user, time and value', async () => {
    const { measurements, rejects } = await readRows(`${HEADER}a,${T},1\nb,${T},-2.5e1\n`)
    expect(rejects).toEqual([])
    expect(measurements).toEqual([
      { row: 1, userId: 'a', timestamp: T_MS, value: 1 },
      { row: 2, userId: 'b', timestamp: T_MS, value: -25 }
    ])
  })

  test.each([
    ['no line feed at the end', `${HEADER}a,${T},1\nb,${T},2`],
    ['CRLF', `user,time,value\r\na,${T},1\r\nb,${T},2\r\n`],
    ['a UTF-8 byte order mark', `\ufeff${HEADER}a,${T},1\nb,${T},2\n`],
    ['a mark before a quoted header', `\ufeff"user","time","value"\na,${T},1\nb,${T},2\n`],
    ['blank lines', `\n${HEADER}\na,${T},1\r\n\r\n\nb,${T},2\n\n`],
    ['quoted fields', `"user","time","value"\r\n"a","${T}","1"\r\n"b","${T}",2\r\n`],
    ['blanks in the header', `user, time , value\na,${T},1\nb,${T},2\n`]
  ])('%s', async (_name, content) => {
    const { measurements, rejects } = await readRows(content)
    expect(rejects).toEqual([])
    expect(measurements.map(({ row, userId, value }) => [row, userId, value])).toEqual([
      [1, 'a', 1],
      [2, 'b', 2]
    ])
    expect(measurements.every((row) => !('fields' in row))).toBe(true)
  })

  test('other columns are kept as they were, in fields', async () => {
    const header = 'note,user,time,value,note,,__proto__'
    const { measurements } = await readRows(`${header}\n 007 ,a,${T},1,"x ""y"",\r\nz",,p\n`)
    expect(measurements[0]?.fields).toEqual({ note: ' 007 ', note_5: 'x "y",\r\nz', column_6: '', proto_7: 'p' })
  })

  test('a delimiter may be another character', async () => {
    const { measurements } = await readRows(`user;time;value;note\n"a;b";${T};1;x,y\n`, { delimiter: ';' })
    expect(measurements).toEqual([{ row: 1, userId: 'a;b', timestamp: T_MS, value: 1, fields: { note: 'x,y' } }])
  })

  test.each(['', ',,', '"', '\n', '\r'])('the delimiter %j is refused', async (delimiter) => {
    await expect(readRows(HEADER, { format: 'csv', delimiter })).rejects.toMatchObject(
      failure('ERR_WAL_INVALID_ARGUMENT', `delimiter is ${JSON.stringify(delimiter)}; allowed:`)
    )
  })
})

describe('columns', () => {
  test.each([
    ['Id,Time,Value'],
    ['USERID,TimeStamp,Reading'],
    ['user_id,ReportTime,WeightKg'],
    ['User,DATE,value'],
    ['id,ts,value'],
    ['id,datetime,value']
  ])('%s are found without being named', async (header) => {
    expect((await readRows(`${header}\na,${T},1\n`)).measurements).toHaveLength(1)
  })

  test('the first usual name wins over a later one', async () => {
    const { measurements } = await readRows(`id,user,time,value\n1,a,${T},2\n`)
    expect(measurements[0]).toMatchObject({ userId: 'a', fields: { id: '1' } })
  })

  test('columns named by option are taken, the usual ones then are fields', async () => {
    const options = { userColumn: 'who', timeColumn: 'when', valueColumn: 'Minutes Asleep' }
    const { measurements } = await readRows(`who,when,Minutes Asleep,value\na,${T},1,9\n`, options)
    expect(measurements).toEqual([{ row: 1, userId: 'a', timestamp: T_MS, value: 1, fields: { value: '9' } }])
  })

  test.each([
    ['userColumn', { userColumn: 'User' }, 'user column: asked for "User"; it has "user", "time", "value"'],
    ['timeColumn', { timeColumn: 'when' }, 'time column: asked for "when"'],
    ['valueColumn', { valueColumn: 'bpm' }, 'value column: asked for "bpm"']
  ])('a %s that is not there is named with the columns that are', async (_name, options, message) => {
    await expect(readRows(`${HEADER}a,${T},1\n`, options)).rejects.toMatchObject(
      failure('ERR_WAL_SOURCE', message)
    )
  })

  test('without a usual name the message lists those that were tried', async () => {
    await expect(readRows('who,time,value\n')).rejects.toMatchObject({
      code: 'ERR_WAL_SOURCE',
      message:
        'standard input has no user column: ' +
        'asked for one of user, userid, user_id, id; it has "who", "time", "value"'
    })
  })

  test('a header split by the wrong delimiter suggests the right one', async () => {
    await expect(readRows('user;time;value\n')).rejects.toThrow('is the delimiter ";"?')
  })

  test.each([['nothing', ''], ['blank lines', '\n\r\n\n']])('a CSV source of %s is refused', async (_name, content) => {
    await expect(readRows(content, { format: 'csv' })).rejects.toMatchObject(
      failure('ERR_WAL_SOURCE', 'a header row was expected')
    )
  })

  test('a header without rows is a source without rows', async () => {
    expect(await readRows(HEADER)).toMatchObject({ measurements: [], rejects: [] })
  })

  test('a header with a broken quote is refused', async () => {
    await expect(readRows(`us"er,time,value\na,${T},1\n`)).rejects.toMatchObject({ code: 'ERR_WAL_SOURCE' })
  })
})

describe('rejects', () => {
  test.each([
    [`,${T},1`, 'user is missing'],
    ['a,,1', 'time is missing'],
    ['a,13/40/2016 1:00:00 AM,1', 'not a time: "13/40/2016 1:00:00 AM"'],
    ['a,2016-02-30,1', 'not a time: "2016-02-30"'],
    [`a,${T},`, 'value is not a number: ""'],
    [`a,${T},abc`, 'value is not a number: "abc"'],
    [`a,${T},NaN`, 'value is not a number: "NaN"'],
    [`a,${T},Infinity`, 'value is not a number: "Infinity"'],
    [`a,${T},1e999`, 'value is not a number: "1e999"'],
    [`a,${T},0x10`, 'value is not a number: "0x10"'],
    [`a,${T}, 1`, 'value is not a number: " 1"'],
    [`a,${T}`, '3 columns were expected, the row has 2'],
    [`a,${T},1,`, '3 columns were expected, the row has 4'],
    [`${'u'.repeat(11)},${T},1`, 'user has 11 bytes, at most 10 are allowed'],
    [`ü${'u'.repeat(9)},${T},1`, 'user has 11 bytes, at most 10 are allowed'],
    [`a"b,${T},1`, 'a quote stands in a field that does not begin with one'],
    [`a"b"c,${T},1`, 'a quote stands in a field that does not begin with one'],
    [`"a"b,${T},1`, 'a closing quote is followed by something other than the delimiter']
  ])('%j: %s', async (line, reason) => {
    const { measurements, rejects } = await readRows(`${HEADER}x,${T},1\n${line}\ny,${T},2\n`, { maxUserIdBytes: 10 })
    expect(rejects).toEqual([{ row: 2, reason: containing(reason), raw: line }])
    expect(numberedUsers(measurements)).toEqual(['1 x', '3 y'])
  })

  test('a user of exactly the longest length is accepted', async () => {
    expect((await readRows(`${HEADER}${'u'.repeat(10)},${T},1\n`, { maxUserIdBytes: 10 })).rejects).toEqual([])
  })

  test.each([1, 7, 65536])('a line that is not UTF-8 costs itself only, in chunks of %d', async (chunkBytes) => {
    const bytes = Buffer.from(`${HEADER}ü,${T},1\na?,${T},2\nb,${T},3\n`)
    bytes[bytes.indexOf('?')] = 0xff
    const { measurements, rejects } = await readRows(bytes, {}, chunkBytes)
    expect(rejects).toEqual([{ row: 2, reason: 'the line is not valid UTF-8', raw: `a\ufffd,${T},2` }])
    expect(numberedUsers(measurements)).toEqual(['1 ü', '3 b'])
  })

  test('what is kept of a rejected row is at most 1 KiB of whole characters', async () => {
    const { rejects } = await readRows(`${HEADER}a,${'€'.repeat(5000)},1\n`)
    expect(rejects[0]?.raw).toBe(`a,${'€'.repeat(340)}`)
    expect(rejects[0]?.reason.length).toBeLessThan(200)
  })
})

describe('quotes that are not closed', () => {
  test('at the end of the source: the line is rejected, the rows behind it are read', async () => {
    const { measurements, rejects } = await readRows(`${HEADER}"a,${T},1\nb,${T},2\nc,${T},3\n`)
    expect(rejects).toEqual([{ row: 1, reason: 'a quoted field is not closed', raw: `"a,${T},1` }])
    expect(numberedUsers(measurements)).toEqual(['2 b', '3 c'])
  })

  test('and a later line with the same fault: each costs itself only', async () => {
    const rows = [`"a,${T},1`, `b,${T},2`, `"c,${T},3`, `"d",${T},4`, `e,${T},5`]
    const { measurements, rejects } = await readRows(HEADER + rows.join('\n'))
    expect(rejects.map(({ row }) => row)).toEqual([1, 3])
    expect(numberedUsers(measurements)).toEqual(['2 b', '4 d', '5 e'])
  })

  test('a field that runs on for more than 1 MiB is given up, the rows in it are read', async () => {
    const rows = Array.from({ length: 60_000 }, (_, index) => `b,${T},${index}`)
    const { measurements, rejects } = await readRows(`${HEADER}"a,${T},1\n${rows.join('\n')}\n`)
    expect(rejects.map(({ row }) => row)).toEqual([1])
    expect(measurements).toHaveLength(60_000)
  })

  test('and is given up while the source goes on, not only at its end', async () => {
    const stdin = new PassThrough({ highWaterMark: 4 * MIB })
    stdin.write(`${HEADER}"a,${T},1\n${`b,${T},1\n`.repeat(60_000)}`)
    const source = await openSource('-', { stdin, maxUserIdBytes: 10 })
    const first = await source.batches().next()
    expect(first.value?.[0]).toEqual({ row: 1, reason: 'a quoted field is not closed', raw: `"a,${T},1` })
    expect(stdin.writableEnded).toBe(false)
    await source.close()
  })

  test('a stray quote in every second line: no row is lost', async () => {
    const line = `"a,${T},1`
    const { measurements, rejects } = await readRows(HEADER + `${line}\nb,${T},1\n`.repeat(20_000))
    expect(rejects).toHaveLength(20_000)
    expect(measurements).toHaveLength(20_000)
  })
})

describe('lines that are too long', () => {
  test.each([
    [1000, '3 MiB without a line feed, then a row'],
    [65536, 'the same in larger chunks'],
    [4 * MIB, 'the same in one chunk']
  ])('chunks of %d bytes: %s', async (chunkBytes) => {
    const content = `${HEADER}a,${'x'.repeat(3 * MIB)},1\nb,${T},2\n`
    const { measurements, rejects } = await readRows(content, {}, chunkBytes)
    const raw = `a,${'x'.repeat(1022)}`
    expect(rejects).toEqual([{ row: 1, reason: 'the line is longer than 1048576 bytes', raw }])
    expect(measurements).toEqual([{ row: 2, userId: 'b', timestamp: T_MS, value: 2 }])
  })

  test.each([4096, 65536, 1048577])('the limit does not depend on where chunks of %d bytes end', async (chunkBytes) => {
    const line = (bytes: number): string => `a,${T},1,`.padEnd(bytes, 'x')
    const content = `user,time,value,note\n${line(MIB)}\n${line(MIB + 1)}\n`
    const { measurements, rejects } = await readRows(content, {}, chunkBytes)
    expect(measurements.map(({ row }) => row)).toEqual([1])
    expect(rejects.map(({ row }) => row)).toEqual([2])
  })

  test('inside a quoted field: the line with the quote and the long one are rejected', async () => {
    const { measurements, rejects } = await readRows(`${HEADER}"a,${T},1\n${'x'.repeat(2 * MIB)}\nb,${T},2\n`)
    expect(rejects.map(({ row }) => row)).toEqual([1, 2])
    expect(numberedUsers(measurements)).toEqual(['3 b'])
  })

  test('at the end of the source', async () => {
    const { rejects } = await readRows(`${HEADER}${'x'.repeat(2 * MIB)}`)
    expect(rejects).toHaveLength(1)
  })
})

test('any table comes back as it was written, however it is quoted and cut into chunks', async () => {
  const text = fc.string({
    unit: fc.constantFrom('a', 'é', '€', '😀', '"', ',', '\n', '\r\n', ' ', ';'),
    maxLength: 8
  })
  const record = fc.tuple(
    text.filter((user) => user !== ''),
    fc.integer({ min: 0, max: 4e12 }),
    fc.double({ noNaN: true, noDefaultInfinity: true }).map((value) => value + 0),
    text
  )
  const chunkBytes = fc.integer({ min: 1, max: 40 })
  const table = fc.array(record, { maxLength: 12 })
  const lineEnds = fc.constantFrom('\n', '\r\n')
  await fc.assert(
    fc.asyncProperty(table, lineEnds, chunkBytes, fc.boolean(), async (records, lineEnd, bytes, all) => {
      const write = (cell: string): string => (all || /[",\r\n]/.test(cell) ? `"${cell.replaceAll('"', '""')}"` : cell)
      const lines = [['user', 'time', 'value', 'note'], ...records.map((cells) => cells.map(String))]
      const content = lines.map((cells) => cells.map(write).join(',')).join(lineEnd)
      const { measurements, rejects } = await readRows(content, {}, bytes)
      expect(rejects).toEqual([])
      expect(measurements).toEqual(
        records.map(([userId, timestamp, value, note], index) => {
          return { row: index + 1, userId, timestamp, value, fields: { note } }
        })
      )
    }),
    { seed, numRuns: 300 }
  )
})

test('whatever the bytes are, the rows do not depend on how they are cut into chunks', async () => {
  const line = fc.constantFrom(
    ...[`a,${T},1`, `"b",${T},2`, `"c`, `d",${T},3`, `"e""`, '', '"', `f,${T}`, `"g" ,${T},1`, 'h"', '\r', '""']
  )
  await fc.assert(
    fc.asyncProperty(fc.array(line, { maxLength: 25 }), fc.integer({ min: 1, max: 30 }), async (lines, chunkBytes) => {
      const content = HEADER + lines.join('\n')
      const whole = await readRows(content)
      const parts = await readRows(content, {}, chunkBytes)
      expect([parts.measurements, parts.rejects]).toEqual([whole.measurements, whole.rejects])
      const numbers = [...whole.measurements, ...whole.rejects].map(({ row }) => row).sort((a, b) => a - b)
      expect(numbers).toEqual(numbers.map((_, index) => index + 1))
    }),
    { seed, numRuns: 500 }
  )
})
