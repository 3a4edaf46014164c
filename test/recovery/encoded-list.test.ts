// Proves that the list in which recovery collects a buffer's measurements keeps their order across both kinds, keeps bytes of its
// own, and decodes to the measurements.
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { createDefaultCodec } from '../../lib/index.js'
import { EncodedList } from '../../lib/recovery/encoded-list.js'
import { NumberArena } from '../../lib/recovery/number-arena.js'

const codec = createDefaultCodec()
const numeric = fc.record({ timestamp: fc.integer(), value: fc.double() }, { noNullPrototype: true })
const other = fc.record({ timestamp: fc.integer(), text: fc.string() }, { noNullPrototype: true })

test('order is kept, bytes are copied, and what comes out is what was logged', () => {
  fc.assert(
    fc.property(fc.array(fc.tuple(fc.boolean(), fc.oneof(numeric, other)), { maxLength: 50 }), (steps) => {
      const list = new EncodedList(new NumberArena())
      for (const [encoded, measurement] of steps) {
        if (!encoded && 'value' in measurement) list.addNumbers(measurement.timestamp, measurement.value)
        else {
          const bytes = codec.encode(measurement)
          list.addEncoded(bytes)
          // The log's memory is gone, or another entry's, soon after.
          bytes.fill(0xee)
        }
      }
      expect(list.length).toBe(steps.length)
      expect([...list].map((each) => (each instanceof Uint8Array ? codec.decode(each) : each))).toStrictEqual(steps.map(([, each]) => each))
      expect(list.decode(codec).toArray()).toStrictEqual(steps.map(([, each]) => each))
    })
  )
})

test('lists that share an arena never see each other, and what is released is used again', () => {
  const list = fc.integer({ min: 0, max: 4 })
  const step = fc.oneof(
    { weight: 20, arbitrary: fc.record({ list, count: fc.integer({ min: 1, max: 30 }) }) },
    { weight: 1, arbitrary: fc.record({ list, count: fc.constant(0) }) }
  )
  fc.assert(
    fc.property(fc.array(step, { maxLength: 100 }), (steps) => {
      const arena = new NumberArena()
      const lists = Array.from({ length: 5 }, () => new EncodedList(arena))
      const expected: Array<Array<{ timestamp: number; value: number }>> = [[], [], [], [], []]
      let value = 0
      let most = 0
      for (const { list: which, count } of steps) {
        if (count === 0) {
          lists[which]?.release()
          expected[which] = []
        }
        for (let i = 0; i < count; i++) {
          lists[which]?.addNumbers(value, value + 0.5)
          expected[which]?.push({ timestamp: value, value: value + 0.5 })
          value++
        }
        most = Math.max(most, expected.reduce((blocks, { length }) => blocks + Math.ceil(length / 8), 0))
      }
      expect(lists.map((each) => [...each])).toEqual(expected)
      expect(arena.blocks).toBe(most)
    })
  )
})

test('an arena grows over many slabs', () => {
  const arena = new NumberArena()
  const lists = Array.from({ length: 1000 }, () => new EncodedList(arena))
  for (let i = 0; i < 100; i++) for (const [which, list] of lists.entries()) list.addNumbers(which, i)
  for (const [which, list] of lists.entries()) {
    expect(list.decode(codec).toArray()).toEqual(Array.from({ length: 100 }, (_, i) => ({ timestamp: which, value: i })))
  }
})
