/**
 * Times as measurement files write them. Strict, because a date that is silently read as another day is
 * worse than a rejected row, and by character codes, because this runs once a row.
 */

/** What `parseTime` reads, for messages. */
export const TIME_FORMATS = 'ISO 8601, epoch milliseconds, M/D/YYYY h:mm:ss AM|PM'

/** The largest distance from the epoch that a JavaScript date can have (ECMA-262, time values). */
const MAX_TIME_MS = 8.64e15
const MAX_EPOCH_DIGITS = 16

const SECOND_MS = 1000
const MINUTE_MS = 60 * SECOND_MS
const HOUR_MS = 60 * MINUTE_MS
const DAY_MS = 24 * HOUR_MS

const ZERO = 48
const SPACE = 32
const PLUS = 43
const COMMA = 44
const MINUS = 45
const DOT = 46
const SLASH = 47
const COLON = 58
const LETTER_A = 65
const LETTER_M = 77
const LETTER_P = 80
const LETTER_T = 84
const LETTER_Z = 90

/** No digit pair, field or time: every comparison with it fails. */
const NOT = NaN

/**
 * Milliseconds since the Unix epoch, or NaN for anything that is not exactly one of
 *
 * - `YYYY-MM-DD`, midnight UTC; `YYYY-MM-DDThh:mm[:ss[.fff]]`, `T` or a blank, with `Z`, `±hh`, `±hhmm`
 *   or `±hh:mm`; UTC where no zone is given. Digits behind the millisecond are cut.
 * - a whole number, text or not: epoch milliseconds.
 * - `M/D/YYYY h:mm:ss AM|PM`, read as UTC.
 *
 * Days and hours that do not exist (30 February, 24:00, a 61st second) are not times.
 */
export function parseTime(value: string | number): number {
  if (typeof value === 'number') return Number.isInteger(value) && Math.abs(value) <= MAX_TIME_MS ? value + 0 : NOT
  if (value.charCodeAt(4) === MINUS && value.length >= 10) return parseIso(value)
  if (value.charCodeAt(1) === SLASH || value.charCodeAt(2) === SLASH) return parseUs(value)
  return parseEpoch(value)
}

function parseIso(text: string): number {
  const year = twoDigits(text, 0) * 100 + twoDigits(text, 2)
  const day = text.charCodeAt(7) === MINUS ? dayMs(year, twoDigits(text, 5), twoDigits(text, 8)) : NOT
  if (text.length === 10) return day
  const mark = text.charCodeAt(10)
  if (mark !== LETTER_T && mark !== SPACE) return NOT
  let time = text.charCodeAt(13) === COLON ? clockMs(twoDigits(text, 11), twoDigits(text, 14), 0) : NOT
  let at = 16
  if (text.charCodeAt(at) === COLON) {
    const second = twoDigits(text, 17)
    time += second <= 59 ? second * SECOND_MS : NOT
    at = 19
    const point = text.charCodeAt(at)
    if (point === DOT || point === COMMA) {
      const end = endOfDigits(text, at + 1)
      if (end === at + 1) return NOT
      time += milliseconds(text, at + 1, end)
      at = end
    }
  }
  return day + time - zoneMs(text, at)
}

/** Distance to UTC of the zone that is the rest of the text from `at`; 0 when nothing is left. */
function zoneMs(text: string, at: number): number {
  if (at === text.length) return 0
  const mark = text.charCodeAt(at)
  if (mark === LETTER_Z) return at + 1 === text.length ? 0 : NOT
  if (mark !== PLUS && mark !== MINUS) return NOT
  const minuteAt = text.charCodeAt(at + 3) === COLON ? at + 4 : at + 3
  const minute = at + 3 === text.length ? 0 : twoDigits(text, minuteAt)
  if (at + 3 !== text.length && minuteAt + 2 !== text.length) return NOT
  const distance = clockMs(twoDigits(text, at + 1), minute, 0)
  return mark === PLUS ? distance : -distance
}

function parseUs(text: string): number {
  const monthEnd = endOfDigits(text, 0)
  const dayEnd = endOfDigits(text, monthEnd + 1)
  const yearAt = dayEnd + 1
  const hourAt = yearAt + 5
  const hourEnd = endOfDigits(text, hourAt)
  if (text.charCodeAt(monthEnd) !== SLASH || text.charCodeAt(dayEnd) !== SLASH) return NOT
  if (text.charCodeAt(yearAt + 4) !== SPACE || text.length !== hourEnd + 9) return NOT
  if (text.charCodeAt(hourEnd) !== COLON || text.charCodeAt(hourEnd + 3) !== COLON) return NOT
  if (text.charCodeAt(hourEnd + 6) !== SPACE || text.charCodeAt(hourEnd + 8) !== LETTER_M) return NOT
  const half = text.charCodeAt(hourEnd + 7)
  if (half !== LETTER_A && half !== LETTER_P) return NOT
  const hour = shortNumber(text, hourAt, hourEnd)
  if (!(hour >= 1 && hour <= 12)) return NOT
  const year = twoDigits(text, yearAt) * 100 + twoDigits(text, yearAt + 2)
  const day = dayMs(year, shortNumber(text, 0, monthEnd), shortNumber(text, monthEnd + 1, dayEnd))
  // 12 AM is midnight and 12 PM is noon.
  const hourOfDay = (hour % 12) + (half === LETTER_P ? 12 : 0)
  return day + clockMs(hourOfDay, twoDigits(text, hourEnd + 1), twoDigits(text, hourEnd + 4))
}

function parseEpoch(text: string): number {
  const negative = text.charCodeAt(0) === MINUS
  const start = negative ? 1 : 0
  const digits = text.length - start
  if (digits < 1 || digits > MAX_EPOCH_DIGITS || endOfDigits(text, start) !== text.length) return NOT
  const value = Number(text)
  // + 0 makes 0 of -0, which JSON would not tell apart but a comparison of states could.
  return Math.abs(value) <= MAX_TIME_MS ? value + 0 : NOT
}

/** The beginning of a day (UTC), NaN for one that the calendar does not have. */
function dayMs(year: number, month: number, day: number): number {
  if (!(year >= 0 && month >= 1 && month <= 12 && day >= 1 && day <= daysOfMonth(year, month))) return NOT
  return daysFromEpoch(year, month, day) * DAY_MS
}

function clockMs(hour: number, minute: number, second: number): number {
  if (!(hour <= 23 && minute <= 59 && second <= 59)) return NOT
  return hour * HOUR_MS + minute * MINUTE_MS + second * SECOND_MS
}

function daysOfMonth(year: number, month: number): number {
  if (month === 2) return year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0) ? 29 : 28
  return month === 4 || month === 6 || month === 9 || month === 11 ? 30 : 31
}

/**
 * Days since 1970-01-01 in the proleptic Gregorian calendar: H. Hinnant, "chrono-Compatible Low-Level Date
 * Algorithms", days_from_civil. Years begin in March there, so that a leap day is the last of its year.
 */
function daysFromEpoch(year: number, month: number, day: number): number {
  const shifted = month <= 2 ? year - 1 : year
  const era = Math.floor(shifted / 400)
  const yearOfEra = shifted - era * 400
  const dayOfYear = Math.floor((153 * (month > 2 ? month - 3 : month + 9) + 2) / 5) + day - 1
  return era * 146_097 + yearOfEra * 365 + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100) + dayOfYear - 719_468
}

function twoDigits(text: string, at: number): number {
  const tens = text.charCodeAt(at) - ZERO
  const ones = text.charCodeAt(at + 1) - ZERO
  return tens >= 0 && tens <= 9 && ones >= 0 && ones <= 9 ? tens * 10 + ones : NOT
}

/** One or two digits; NaN for none or more. */
function shortNumber(text: string, from: number, to: number): number {
  if (to - from === 2) return twoDigits(text, from)
  return to - from === 1 ? text.charCodeAt(from) - ZERO : NOT
}

/** The first three digits of a fraction of a second. */
function milliseconds(text: string, from: number, to: number): number {
  let value = 0
  for (let at = from; at < from + 3; at += 1) value = value * 10 + (at < to ? text.charCodeAt(at) - ZERO : 0)
  return value
}

function endOfDigits(text: string, from: number): number {
  let at = from
  while (at < text.length) {
    const digit = text.charCodeAt(at) - ZERO
    if (digit < 0 || digit > 9) break
    at += 1
  }
  return at
}
