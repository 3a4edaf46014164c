/** Proves that bars are parts of the largest that is shown, that 0 is told from little, and that the width holds. */
import { expect, it } from 'vitest'
import { sparkline } from '../../lib/cli/sparkline.js'

it.each([
  [[], 10, ''],
  [[0], 10, '▁'],
  [[0, 0, 0], 10, '▁▁▁'],
  [[5], 10, '█'],
  [[0, 1, 2, 3, 4, 5, 6, 7], 10, '▁▂▃▄▅▆▇█'],
  [[1, 1_000_000], 10, '▂█'],
  [[1, null, 2], 10, '▅ █'],
  [[null, null], 10, '  '],
  [[7, 0, 7], 2, '▁█'],
  [[1000, 1, 2], 2, '▅█'],
  [[1, 2], 0, ''],
  [[1, 2], -5, ''],
  [[-1, 2], 10, '▁█']
] as Array<[Array<number | null>, number, string]>)('%j in %i columns: %s', (values, width, bars) => {
  expect(sparkline(values, width)).toBe(bars)
})
