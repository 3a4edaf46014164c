/** Settings given in place are held to the same rules as those of a file, under their names in code. */
import { expect, test } from 'vitest'
import { defaultConfig, withOverrides } from '../../lib/config/config.js'

test('replace what is given and leave the rest', () => {
  const config = withOverrides(defaultConfig(), { wal: { segmentBytes: 1_000_000 }, replay: { clock: 'event' } })
  const expected = defaultConfig()
  expected.wal.segmentBytes = 1_000_000
  expected.replay.clock = 'event'
  expect(config).toEqual(expected)
})

test.each<[object, string]>([
  [{ replay: { bufferHour: 1 } }, 'unknown key replay.bufferHour; allowed: bufferHours, '],
  [{ wall: {} }, 'unknown key wall; allowed: wal, replay'],
  [{ wal: { segmentBytes: 1 } }, 'wal.segmentBytes is 1; allowed: a whole number from '],
  [{ wal: { onCorruption: 'ignore' } }, 'wal.onCorruption is "ignore"; allowed: "skip", "stop", "fail"']
])('%j is refused, naming key, value and what is allowed', (overrides, message) => {
  const override = (): unknown => withOverrides(defaultConfig(), overrides)
  expect(override).toThrow(expect.objectContaining({ code: 'ERR_WAL_CONFIG', message: expect.stringContaining(message) as string }) as Error)
})
