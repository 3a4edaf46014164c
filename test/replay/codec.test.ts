// Proves that the default codec keeps values as they were (types, signs, order of keys, what JSON would lose), refuses by
// name what it cannot keep, and answers any bytes at all with a value or ERR_WAL_CODEC: never a crash, never a hang.
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { createDefaultCodec, WalError } from '../../lib/index.js'

const codec = createDefaultCodec()
const roundTrip = (value: unknown): unknown => codec.decode(Uint8Array.prototype.slice.call(codec.encode(value)))

function codeOf(action: () => unknown): string | undefined {
  try {
    action()
    return undefined
  } catch (error) {
    return error instanceof WalError ? error.code : `not a WalError: ${String(error)}`
  }
}

function nested(depth: number): unknown {
  let value: unknown = 1
  for (let i = 0; i < depth; i++) value = [value]
  return value
}

const KEPT: ReadonlyArray<readonly [string, unknown]> = [
  ['null', null],
  ['undefined', undefined],
  ['true', true],
  ['false', false],
  ['0', 0],
  ['-0', -0],
  ['-1', -1],
  ['127 and 128, where a varint grows', [63, 64, 127, 128, -64, -65]],
  ['the largest integer stored as one', 2 ** 52 - 1],
  ['the smallest integer stored as one', -(2 ** 52) + 1],
  ['integers beyond it', [2 ** 52, -(2 ** 52), 2 ** 53, Number.MAX_SAFE_INTEGER, Number.MIN_SAFE_INTEGER]],
  ['a fraction', 0.1],
  ['the extremes of doubles', [Number.MAX_VALUE, -Number.MAX_VALUE, Number.MIN_VALUE, Number.EPSILON]],
  ['NaN', NaN],
  ['infinities', [Infinity, -Infinity]],
  ['an empty string', ''],
  ['ASCII of 24 characters, the last that is copied by a loop', 'a'.repeat(24)],
  ['ASCII of 25 characters', 'a'.repeat(25)],
  ['ASCII with one other character at its end', `${'a'.repeat(23)}ü`],
  ['other scripts', 'žluťoučký 測定 🫀'],
  ['a NUL and a byte order mark', '\0\ufeffx\ufeff'],
  ['a lone surrogate in a short string', 'a\ud800b'],
  ['a lone surrogate in a long string', `${'a'.repeat(100)}\udc00`],
  ['surrogates in the wrong order', '\udc00\ud800'],
  ['a long string', 'x'.repeat(100_000)],
  ['a bigint', 2n ** 200n],
  ['a negative bigint', -(2n ** 70n)],
  ['bigint zero', 0n],
  ['a date', new Date('2016-04-12T07:21:00.123Z')],
  ['a date before 1970', new Date(-1)],
  ['an invalid date', new Date(NaN)],
  ['bytes', Uint8Array.of(0, 1, 255)],
  ['no bytes', new Uint8Array(0)],
  ['a Buffer', Buffer.from([0, 1, 255])],
  ['bytes that are a view into larger memory', new Uint8Array([9, 1, 2, 9]).subarray(1, 3)],
  ['Int8Array', Int8Array.of(-128, 127)],
  ['Uint8ClampedArray', Uint8ClampedArray.of(0, 255)],
  ['Int16Array', Int16Array.of(-32768, 32767)],
  ['Uint16Array', Uint16Array.of(65535)],
  ['Int32Array', Int32Array.of(-(2 ** 31))],
  ['Uint32Array', Uint32Array.of(2 ** 32 - 1)],
  ['Float32Array', Float32Array.of(0.5, NaN, -0)],
  ['Float64Array', Float64Array.of(0.1, -0, Infinity)],
  ['BigInt64Array', BigInt64Array.of(-1n)],
  ['BigUint64Array', BigUint64Array.of(2n ** 64n - 1n)],
  ['a typed array that is a view at an odd place', new Uint8Array(24).fill(7).subarray(1, 17)],
  ['an empty array and object', [[], {}]],
  ['mixed nesting', { a: [1, { b: null, c: [undefined, 'x'] }], d: new Date(5) }],
  ['a Map with keys of all kinds', new Map<unknown, unknown>([[1, 'a'], ['1', 'b'], [null, new Map([[{ k: 1 }, [1]]])]])],
  ['a Set', new Set<unknown>([1, '1', null, [1]])],
  ['a key that is empty', { '': 1 }],
  ['a long key in another script', { [`ключ${'я'.repeat(40)}`]: 1 }],
  ['200 levels of nesting', nested(200)]
]

test.each(KEPT)('keeps %s', (_, value) => {
  const back = roundTrip(value)
  expect(back).toStrictEqual(value)
  // toStrictEqual takes invalid dates for equal to any other; the class tells Buffer from Uint8Array.
  expect(Object.prototype.toString.call(back)).toBe(Object.prototype.toString.call(value))
  expect((back as object | undefined)?.constructor).toBe((value as object | undefined)?.constructor)
})

test('an invalid date comes back invalid', () => {
  expect((roundTrip(new Date(NaN)) as Date).getTime()).toBeNaN()
})

test('a key named __proto__ is a key like any other, and never a prototype', () => {
  const value: unknown = JSON.parse('{"a":1,"__proto__":{"polluted":true},"b":2}')
  const back = roundTrip(value) as Record<string, unknown>
  expect(Object.keys(back)).toEqual(['a', '__proto__', 'b'])
  expect(Object.getPrototypeOf(back)).toBe(Object.prototype)
  expect(back['polluted']).toBeUndefined()
  expect(Object.getOwnPropertyDescriptor(back, '__proto__')?.value).toEqual({ polluted: true })
})

test('keys keep their order', () => {
  expect(Object.keys(roundTrip({ z: 1, a: 2, m: 3 }) as object)).toEqual(['z', 'a', 'm'])
})

test('what has no exact counterpart becomes the nearest: holes are undefined, objects without a prototype are plain', () => {
  const sparse: unknown[] = [1]
  sparse[3] = 4
  expect(roundTrip(sparse)).toStrictEqual([1, undefined, undefined, 4])
  expect(roundTrip(Object.assign(Object.create(null), { a: 1 }))).toStrictEqual({ a: 1 })
})

test('a decoded value shares no memory with the bytes it came from', () => {
  const bytes = Uint8Array.prototype.slice.call(codec.encode({ a: Uint8Array.of(1, 2), b: Buffer.from([3]), c: Int16Array.of(4), d: 'text' }))
  const value = codec.decode(bytes)
  bytes.fill(0xff)
  expect(value).toStrictEqual({ a: Uint8Array.of(1, 2), b: Buffer.from([3]), c: Int16Array.of(4), d: 'text' })
})

test('a codec works on after a value that it refused half way', () => {
  expect(codeOf(() => codec.encode({ a: 'x'.repeat(10_000), b: () => 1 }))).toBe('ERR_WAL_CODEC')
  expect(roundTrip({ a: 1 })).toStrictEqual({ a: 1 })
})

class Sensor {
  value = 1
}
const cycle: unknown[] = []
cycle.push(cycle)

const REFUSED: ReadonlyArray<readonly [string, unknown, RegExp]> = [
  ['a function', () => 1, /^a function cannot be encoded; allowed: null, undefined, booleans/],
  ['a symbol', Symbol('x'), /^a symbol cannot/],
  ['an object of a class', new Sensor(), /^an object of class Sensor cannot/],
  ['an error', new Error('x'), /^an object of class Error cannot/],
  ['a regular expression', /x/, /^an object of class RegExp cannot/],
  ['a promise', Promise.resolve(), /^an object of class Promise cannot/],
  ['a WeakMap', new WeakMap(), /^an object of class WeakMap cannot/],
  ['a raw ArrayBuffer', new ArrayBuffer(8), /^an object of class ArrayBuffer cannot/],
  ['a DataView', new DataView(new ArrayBuffer(8)), /^an object of class DataView cannot/],
  ['a cycle', cycle, /nested more than 200 deep, or a cycle/],
  ['201 levels of nesting', nested(201), /nested more than 200 deep/],
  ['a key with a lone surrogate', { 'a\ud800': 1 }, /key with a lone surrogate/],
  ['a function deep inside', { a: [new Map([[1, new Set([() => 1])]])] }, /^a function cannot/]
]

test.each(REFUSED)('refuses %s by name', (_, value, message) => {
  expect(codeOf(() => codec.encode(value))).toBe('ERR_WAL_CODEC')
  expect(() => codec.encode(value)).toThrow(message)
})

/** Anything the codec keeps, nested. */
const anyValue: fc.Arbitrary<unknown> = fc.letrec<{ value: unknown }>((tie) => ({
  value: fc.oneof(
    { depthSize: 'small', withCrossShrink: true },
    fc.constantFrom(null, undefined, true, false, -0, NaN, Infinity, new Date(NaN)),
    fc.double(),
    fc.maxSafeInteger(),
    fc.bigInt(),
    fc.string({ unit: 'binary' }),
    // Any UTF-16 at all, lone surrogates among it.
    fc.array(fc.integer({ min: 0, max: 0xffff }), { maxLength: 40 }).map((units) => String.fromCharCode(...units)),
    fc.date({ noInvalidDate: false }),
    fc.uint8Array(),
    fc.uint8Array().map((bytes) => Buffer.from(bytes)),
    fc.oneof(fc.int8Array(), fc.int16Array(), fc.uint16Array(), fc.int32Array(), fc.uint32Array(), fc.float32Array(), fc.float64Array()),
    fc.oneof(fc.uint8ClampedArray(), fc.bigInt64Array(), fc.bigUint64Array()),
    fc.array(tie('value'), { maxLength: 6 }),
    fc.dictionary(fc.oneof(fc.string(), fc.constant('__proto__')), tie('value'), { maxKeys: 6, noNullPrototype: true }),
    fc.array(fc.tuple(tie('value'), tie('value')), { maxLength: 4 }).map((pairs) => new Map(pairs)),
    fc.array(tie('value'), { maxLength: 4 }).map((items) => new Set(items))
  )
})).value

test('any nested value comes back as it was, and its encoding is the same again', () => {
  fc.assert(
    fc.property(anyValue, (value) => {
      const bytes = Uint8Array.prototype.slice.call(codec.encode(value))
      const back = codec.decode(bytes)
      expect(back).toStrictEqual(value)
      expect(Buffer.compare(bytes, codec.encode(back))).toBe(0)
    }),
    { numRuns: 1000 }
  )
})

describe('bytes that are no value', () => {
  test('every truncation of a value is refused', () => {
    fc.assert(
      fc.property(anyValue, (value) => {
        const bytes = Uint8Array.prototype.slice.call(codec.encode(value))
        for (let length = 0; length < Math.min(bytes.length, 300); length++) {
          expect(codeOf(() => codec.decode(bytes.subarray(0, length)))).toBe('ERR_WAL_CODEC')
        }
      }),
      { numRuns: 150 }
    )
  })

  test('a value with one byte too many is refused', () => {
    const bytes = Buffer.concat([codec.encode({ a: 1 }), Buffer.of(0)])
    expect(() => codec.decode(bytes)).toThrow(/1 bytes are left over/)
  })

  test.each([
    ['an unknown tag', [17], /no known tag \(17\)/],
    ['a length over the end', [6, 200, 1], /ends before the 200 bytes/],
    ['an array of more items than bytes', [13, 0xff, 0xff, 0xff, 0xff, 0x0f], /cannot hold 4294967295 items/],
    ['a map of more pairs than bytes', [15, 3, 0, 0, 0], /cannot hold 3 items/],
    ['a length without an end', [6, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff], /more than 8 bytes/],
    ['a bigint of letters', [9, 2, 0x30, 0x78], /other characters than digits/],
    ['a bigint of nothing', [9, 0], /other characters than digits/],
    ['a typed array of no known kind', [12, 99, 0], /unknown kind/],
    ['a typed array that ends inside an element', [12, 7, 3, 1, 2, 3], /ends inside an element/],
    ['arrays in arrays without an end', Array.from({ length: 500 }, (_, i) => (i % 2 === 0 ? 13 : 1)), /nested more than 200 deep/]
  ])('%s is refused with the reason', (_, bytes, message) => {
    expect(codeOf(() => codec.decode(Uint8Array.from(bytes)))).toBe('ERR_WAL_CODEC')
    expect(() => codec.decode(Uint8Array.from(bytes))).toThrow(message)
  })

  test('random bytes, and values with bytes changed, give a value or ERR_WAL_CODEC', () => {
    const changed = fc
      .tuple(anyValue, fc.array(fc.tuple(fc.nat(), fc.nat(255)), { minLength: 1, maxLength: 4 }))
      .map(([value, changes]) => {
        const bytes = Uint8Array.prototype.slice.call(codec.encode(value))
        for (const [at, byte] of changes) bytes[at % bytes.length] = byte
        return bytes
      })
    const tagged = fc.array(fc.oneof(fc.nat(17), fc.nat(255)), { maxLength: 200 }).map((bytes) => Uint8Array.from(bytes))
    fc.assert(
      fc.property(fc.oneof(changed, tagged, fc.uint8Array({ maxLength: 200 })), (bytes) => {
        expect([undefined, 'ERR_WAL_CODEC']).toContain(codeOf(() => codec.decode(bytes)))
      }),
      { numRuns: 3000 }
    )
  })
})
