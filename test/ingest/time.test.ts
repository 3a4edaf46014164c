/**
 * What `parseTime` promises: each time that is written in a known way is read to the millisecond, as UTC where no zone
 * says otherwise, and nothing else is read at all. A lenient reader would move measurements to other days.
 */
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { parseTime } from '../../lib/ingest/time.js'

const seed = Date.now() & 0x7fffffff
console.log(`time.test seed ${seed}`)

test.each<[string | number, number]>([
  ['2016-04-12', Date.UTC(2016, 3, 12)],
  ['2016-04-12T07:21', Date.UTC(2016, 3, 12, 7, 21)],
  ['2016-04-12T07:21:05', Date.UTC(2016, 3, 12, 7, 21, 5)],
  ['2016-04-12 07:21:05', Date.UTC(2016, 3, 12, 7, 21, 5)],
  ['2016-04-12T07:21:05Z', Date.UTC(2016, 3, 12, 7, 21, 5)],
  ['2016-04-12T07:21Z', Date.UTC(2016, 3, 12, 7, 21)],
  ['2016-04-12T07:21:05.5Z', Date.UTC(2016, 3, 12, 7, 21, 5, 500)],
  ['2016-04-12T07:21:05,25', Date.UTC(2016, 3, 12, 7, 21, 5, 250)],
  ['2016-04-12T07:21:05.123999999Z', Date.UTC(2016, 3, 12, 7, 21, 5, 123)],
  ['2016-04-12T07:21:05+02:00', Date.UTC(2016, 3, 12, 5, 21, 5)],
  ['2016-04-12T07:21:05.250-0930', Date.UTC(2016, 3, 12, 16, 51, 5, 250)],
  ['2016-04-12T23:21:05-02', Date.UTC(2016, 3, 13, 1, 21, 5)],
  ['2016-02-29', Date.UTC(2016, 1, 29)],
  ['2000-02-29', Date.UTC(2000, 1, 29)],
  ['1969-12-31T23:59:59.999Z', -1],
  ['0001-01-01', -62135596800000],
  ['9999-12-31T23:59:59.999Z', 253402300799999],
  ['1459497240000', 1459497240000],
  [1459497240000, 1459497240000],
  ['-1', -1],
  ['0', 0],
  ['-0', 0],
  [-0, 0],
  ['8640000000000000', 8.64e15],
  ['4/12/2016 7:21:00 AM', Date.UTC(2016, 3, 12, 7, 21)],
  ['04/12/2016 07:21:00 PM', Date.UTC(2016, 3, 12, 19, 21)],
  ['12/31/2016 11:59:59 PM', Date.UTC(2016, 11, 31, 23, 59, 59)],
  ['4/1/2016 12:00:00 AM', Date.UTC(2016, 3, 1)],
  ['4/1/2016 12:00:00 PM', Date.UTC(2016, 3, 1, 12)]
])('%j is read as %d', (text, expected) => {
  expect(Object.is(parseTime(text), expected), String(parseTime(text))).toBe(true)
})

test.each<string | number>([
  '', ' ', 'now', '13/40/2016 1:00:00 AM', '13/40/2016', '2/30/2016 1:00:00 AM', '2/29/2015 1:00:00 AM',
  '0/1/2016 1:00:00 AM', '1/0/2016 1:00:00 AM', '4/12/2016', '4/12/2016 7:21:00', '4/12/2016 7:21 AM',
  '4/12/16 7:21:00 AM', '4/12/2016 0:21:00 AM', '4/12/2016 13:21:00 PM', '4/12/2016 7:60:00 AM',
  '4/12/2016 7:21:60 AM', '4/12/2016 7:21:00 XM', '4/12/2016 7:21:00 AM ', ' 4/12/2016 7:21:00 AM',
  '4/12/2016 7:21:00AM', '4/12/2016  7:21:00 AM', '004/12/2016 7:21:00 AM', '//2016 7:21:00 AM',
  '4/12/2016 :21:00 AM', '2016-13-01', '2016-00-01', '2016-02-30', '2015-02-29', '1900-02-29', '2016-04-31',
  '2016-04-00', '2016-4-1', '2016-04-12T', '2016-04-12T07', '2016-04-12T25:00', '2016-04-12T24:00:00',
  '2016-04-12T07:60', '2016-04-12T07:21:60', '2016-04-12T07:21:05.', '2016-04-12T07:21.5',
  '2016-04-12T07:21:05+2', '2016-04-12T07:21:05+02:0', '2016-04-12T07:21:05+24:00',
  '2016-04-12T07:21:05+02:60', '2016-04-12T07:21:05+02:000', '2016-04-12T07:21:05ZZ', '2016-04-12T07:21:05Z ',
  '2016-04-12Z', '2016-04-12x07:21:05', '2016/04/12', '2016-04-1２', '25:00', '1459497240000.5', '1e12', '0x10',
  '+5', '-', '--5', '8640000000000001', '99999999999999999', 1.5, NaN, Infinity, 8.64e15 + 1
])('%j is not a time', (text) => {
  expect(parseTime(text)).toBeNaN()
})

const moments = fc.integer({ min: Date.UTC(1, 0, 1), max: Date.UTC(9999, 11, 31) })

test('what Date writes is read back, in every zone', () => {
  fc.assert(
    fc.property(moments, fc.integer({ min: -23 * 60 - 59, max: 23 * 60 + 59 }), (moment, zoneMinutes) => {
      const text = new Date(moment).toISOString()
      expect(parseTime(text)).toBe(moment)
      expect(parseTime(text.slice(0, -1))).toBe(moment)
      const minutes = Math.abs(zoneMinutes)
      const zone = `${zoneMinutes < 0 ? '-' : '+'}${two(Math.floor(minutes / 60))}:${two(minutes % 60)}`
      expect(parseTime(text.replace('Z', zone))).toBe(moment - zoneMinutes * 60_000)
      expect(parseTime(String(moment))).toBe(moment)
    }),
    { seed }
  )
})

test('the 12-hour form is read back, padded and not', () => {
  fc.assert(
    fc.property(moments, (moment) => {
      const date = new Date(moment - (((moment % 1000) + 1000) % 1000))
      const [year, month, day] = [date.getUTCFullYear(), date.getUTCMonth() + 1, date.getUTCDate()]
      const hour = date.getUTCHours() % 12 === 0 ? 12 : date.getUTCHours() % 12
      const rest = `${two(date.getUTCMinutes())}:${two(date.getUTCSeconds())} ${date.getUTCHours() < 12 ? 'AM' : 'PM'}`
      const fullYear = String(year).padStart(4, '0')
      expect(parseTime(`${month}/${day}/${fullYear} ${hour}:${rest}`)).toBe(date.getTime())
      expect(parseTime(`${two(month)}/${two(day)}/${fullYear} ${two(hour)}:${rest}`)).toBe(date.getTime())
    }),
    { seed }
  )
})

test('a date is accepted exactly when the calendar has it', () => {
  const number = fc.integer({ min: 0, max: 40 })
  fc.assert(
    fc.property(fc.integer({ min: 1000, max: 3000 }), number, number, (year, month, day) => {
      const date = new Date(Date.UTC(year, month - 1, day))
      const exists = date.getUTCFullYear() === year && date.getUTCMonth() === month - 1 && date.getUTCDate() === day
      expect(parseTime(`${year}-${two(month)}-${two(day)}`)).toBe(exists ? date.getTime() : NaN)
    }),
    { seed, numRuns: 2000 }
  )
})

test('no text makes it throw, and what it returns is a time or NaN', () => {
  const characters = fc.constantFrom(...Array.from('0123456789-/:TZ+., APM'))
  fc.assert(
    fc.property(fc.string({ unit: characters, maxLength: 30 }), (text) => {
      const time = parseTime(text)
      expect(Number.isNaN(time) || (Number.isInteger(time) && Math.abs(time) <= 8.64e15)).toBe(true)
    }),
    { seed, numRuns: 5000 }
  )
})

function two(number: number): string {
  return String(number).padStart(2, '0')
}
