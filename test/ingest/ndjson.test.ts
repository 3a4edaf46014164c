/**
 * What the NDJSON reader promises: one object a line, values as JSON has them, columns fixed by the first object
 * that has them, and a reject with its reason for every line that is no measurement.
 */
import { Readable } from 'node:stream'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { containing, readAll, readRows } from './support.js'

const seed = Date.now() & 0x7fffffff
console.log(`ndjson.test seed ${seed}`)

const T_MS = Date.UTC(2016, 3, 12, 7, 21)
const GOOD = `{"user":"x","time":${T_MS},"value":1}`

describe('rows', () => {
  test('time as a number or text, value as a number or text, user as text or a whole number', async () => {
    const lines = [
      `{"user":"a","time":${T_MS},"value":1.5}`,
      `{"user":7,"time":"${T_MS}","value":"-2e3"}`,
      '{"user":9007199254740991,"time":"2016-04-12T07:21:00Z","value":0}',
      '{"user":"b","time":"4/12/2016 7:21:00 AM","value":1}'
    ]
    const { measurements, rejects } = await readRows(lines.join('\n'))
    expect(rejects).toEqual([])
    expect(measurements).toEqual([
      { row: 1, userId: 'a', timestamp: T_MS, value: 1.5 },
      { row: 2, userId: '7', timestamp: T_MS, value: -2000 },
      { row: 3, userId: '9007199254740991', timestamp: T_MS, value: 0 },
      { row: 4, userId: 'b', timestamp: T_MS, value: 1 }
    ])
  })

  test('blank lines, blanks around an object, CRLF and a byte order mark are no rows', async () => {
    const { measurements, rejects } = await readRows(`\ufeff\r\n  \n ${GOOD} \r\n\n${GOOD}`)
    expect(rejects).toEqual([])
    expect(measurements.map(({ row }) => row)).toEqual([1, 2])
  })

  test('other names are kept as JSON values', async () => {
    const fields = { unit: 'bpm', ok: true, none: null, list: [1, { deep: 'ü' }], number: 1e-9 }
    const { measurements } = await readRows(JSON.stringify({ user: 'a', ...fields, time: T_MS, value: 1 }))
    expect(measurements[0]?.fields).toStrictEqual(fields)
  })

  test('a field named __proto__ is a field', async () => {
    const { measurements } = await readRows('{"user":"a","time":1,"value":1,"__proto__":{"polluted":1}}')
    const fields = measurements[0]?.fields ?? {}
    expect(Object.entries(fields)).toEqual([['__proto__', { polluted: 1 }]])
    expect('polluted' in fields).toBe(false)
  })

  test('a column named as a method of every object is not found in objects that lack it', async () => {
    const content = '{"toString":"a","time":1,"value":1}\n{"time":1,"value":1}'
    const { rejects } = await readRows(content, { userColumn: 'toString' })
    expect(rejects).toEqual([{ row: 2, reason: 'user is missing', raw: '{"time":1,"value":1}' }])
  })
})

describe('rejects', () => {
  test.each([
    ['{"user":"a"', 'the line is not JSON'],
    ['[1]', 'the line is not a JSON object but an array'],
    ['null', 'the line is not a JSON object but null'],
    ['"text"', 'the line is not a JSON object but "text"'],
    ['{"time":1,"value":1}', 'user is missing'],
    ['{"user":null,"time":1,"value":1}', 'user is missing'],
    ['{"user":"","time":1,"value":1}', 'user is missing'],
    ['{"user":1.5,"time":1,"value":1}', 'user is not text or a whole number: 1.5'],
    ['{"user":true,"time":1,"value":1}', 'user is not text or a whole number: true'],
    ['{"user":{},"time":1,"value":1}', 'user is not text or a whole number: an object'],
    ['{"user":9007199254740993,"time":1,"value":1}', 'user is a number beyond 2^53'],
    ['{"user":"a\\ud800","time":1,"value":1}', 'user has half of a surrogate pair'],
    ['{"user":"a","value":1}', 'time is missing'],
    ['{"user":"a","time":1.5,"value":1}', 'not a time: 1.5'],
    ['{"user":"a","time":[1],"value":1}', 'not a time: an array'],
    ['{"user":"a","time":"25:00","value":1}', 'not a time: "25:00"'],
    ['{"user":"a","time":1}', 'value is not a number: undefined'],
    ['{"user":"a","time":1,"value":null}', 'value is not a number: null'],
    ['{"user":"a","time":1,"value":true}', 'value is not a number: true'],
    ['{"user":"a","time":1,"value":""}', 'value is not a number: ""'],
    ['{"user":"a","time":1,"value":"abc"}', 'value is not a number: "abc"'],
    ['{"user":"a","time":1,"value":1e999}', 'value is not a number: Infinity'],
    ['{"user":"a","time":1,"value":1,"note":"\\uDEAD"}', 'a field has half of a surrogate pair'],
    ['{"user":"a","time":1,"value":1,"note":[{"\\udead":1}]}', 'a field has half of a surrogate pair'],
    [`{"user":"a","time":1,"value":1,"note":${'['.repeat(65)}${']'.repeat(65)}}`, 'nested more than 64 levels deep']
  ])('%s: %s', async (line, reason) => {
    const { measurements, rejects } = await readRows(`${GOOD}\n${line}\n${GOOD}\n`)
    expect(rejects).toEqual([{ row: 2, reason: containing(reason), raw: line }])
    expect(measurements.map(({ row }) => row)).toEqual([1, 3])
  })

  test('a whole surrogate pair and 64 levels are accepted', async () => {
    const deep = `${'['.repeat(64)}${']'.repeat(64)}`
    const line = `{"user":"\\ud83d\\ude00","time":1,"value":1,"note":"\\ud83d\\ude00 \\\\ud800","deep":${deep}}`
    const { rejects } = await readRows(line)
    expect(rejects).toEqual([])
  })

  test('a line nested as deep as a line can be does not end the stack', async () => {
    const deep = `${'['.repeat(500_000)}${']'.repeat(500_000)}`
    const { rejects } = await readRows(`${GOOD}\n{"user":"a","time":1,"value":1,"note":${deep}}`)
    expect(rejects.map(({ row }) => row)).toEqual([2])
  })
})

describe('columns', () => {
  test('each is fixed by the first object that has it; objects before are rejected', async () => {
    const lines = [
      '{"id":"a","time":1}',
      '{"ID":"b","id":"c","ts":1,"time":2,"reading":3}',
      '{"id":"d","time":4,"value":5}'
    ]
    const { measurements, rejects } = await readRows(lines.join('\n'))
    expect(measurements).toEqual([{ row: 2, userId: 'c', timestamp: 2, value: 3, fields: { ID: 'b', ts: 1 } }])
    expect(rejects.map(({ row, reason }) => [row, reason])).toEqual([
      [1, 'value is not a number: undefined'],
      [3, 'value is not a number: undefined']
    ])
  })

  test('one that no object has is told at the end, with the names that there are', async () => {
    const content = '{"who":"a","time":1,"value":1}\n{"time":1,"x":1}\n'
    await expect(readRows(content, { userColumn: 'user' })).rejects.toMatchObject({
      code: 'ERR_WAL_SOURCE',
      message: 'standard input has no user column: asked for "user"; it has "who", "time", "value", "x"'
    })
  })

  test('and is told after 1,000 objects of a source that goes on', async () => {
    function* endless(): Generator<string> {
      for (;;) yield '{"who":"a","time":1,"value":1}\n'
    }
    const stdin = Readable.from(endless(), { objectMode: false })
    await expect(readAll('-', { stdin })).rejects.toMatchObject({ code: 'ERR_WAL_SOURCE' })
  })

  test('a source without objects has no rows and no fault', async () => {
    expect(await readRows('', { format: 'ndjson' })).toMatchObject({ measurements: [], rejects: [] })
  })
})

test('any measurement comes back as it was written, however it is cut into chunks', async () => {
  const measurement = fc.record({
    user: fc.string({ unit: 'binary', minLength: 1, maxLength: 10 }),
    time: fc.integer({ min: -8.64e15, max: 8.64e15 }),
    value: fc.double({ noNaN: true, noDefaultInfinity: true }).map((value) => value + 0),
    note: fc.jsonValue({ maxDepth: 3 })
  })
  const lines = fc.array(measurement, { minLength: 1, maxLength: 10 })
  await fc.assert(
    fc.asyncProperty(lines, fc.integer({ min: 1, max: 50 }), async (written, chunkBytes) => {
      const content = written.map((row) => JSON.stringify(row)).join('\n')
      const { measurements, rejects } = await readRows(content, {}, chunkBytes)
      expect(rejects).toEqual([])
      expect(measurements).toEqual(
        written.map(({ user, time, value, note }, index) => {
          const fields = JSON.parse(JSON.stringify({ note })) as Record<string, unknown>
          return { row: index + 1, userId: user, timestamp: time + 0, value, fields }
        })
      )
    }),
    { seed, numRuns: 300 }
  )
})
