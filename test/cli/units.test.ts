/** Proves that sizes and times are short, have the right unit at each border, and never more than three digits. */
import { describe, expect, it } from 'vitest'
import { formatAge, formatBytes, formatSeconds } from '../../lib/cli/units.js'

describe('bytes', () => {
  it.each([
    [0, '0 B'],
    [999, '999 B'],
    [999.6, '1.00 kB'],
    [1000, '1.00 kB'],
    [12_345, '12.3 kB'],
    [123_456, '123 kB'],
    [999_499, '999 kB'],
    [999_500, '1.00 MB'],
    [9_994_999, '9.99 MB'],
    [9_995_000, '10.0 MB'],
    [16_777_216, '16.8 MB'],
    [1.5e9, '1.50 GB'],
    [2e12, '2.00 TB'],
    [5e18, '5000 PB']
  ])('%d: %s', (bytes, text) => expect(formatBytes(bytes)).toBe(text))
})

describe('times', () => {
  it.each([
    [NaN, '-'],
    [0, '0.00 µs'],
    [0.000_016, '16.0 µs'],
    [0.000_9996, '1.00 ms'],
    [0.001_23, '1.23 ms'],
    [0.0456, '45.6 ms'],
    [0.9994, '999 ms'],
    [0.9996, '1.00 s'],
    [16.8, '16.8 s']
  ])('%d: %s', (seconds, text) => expect(formatSeconds(seconds)).toBe(text))
})

describe('ages', () => {
  it.each([
    [-5, '0 s'],
    [59.9, '59 s'],
    [60, '1 m 0 s'],
    [312, '5 m 12 s'],
    [3600, '1 h 0 m'],
    [7999, '2 h 13 m'],
    [86_400, '1 d 0 h'],
    [8 * 86_400 + 7200, '8 d 2 h']
  ])('%d: %s', (seconds, text) => expect(formatAge(seconds)).toBe(text))
})
