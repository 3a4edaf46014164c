// Proves that the list in which recovery collects a buffer's measurements keeps their order across both kinds, keeps bytes of its
// own, and decodes to the measurements.
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { createDefaultCodec } from '../../lib/index.js'
import { EncodedList } from '../../lib/recovery/encoded-list.js'

const codec = createDefaultCodec()
const numeric = fc.record({ timestamp: fc.integer(), value: fc.double() }, { noNullPrototype: true })
const other = fc.record({ timestamp: fc.integer(), text: fc.string() }, { noNullPrototype: true })

test('order is kept, bytes are copied, and what comes out is what was logged', () => {
  fc.assert(
    fc.property(fc.array(fc.tuple(fc.boolean(), fc.oneof(numeric, other)), { maxLength: 50 }), (steps) => {
      const list = new EncodedList()
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
