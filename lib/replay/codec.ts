/**
 * How values (measurements, states) become bytes. The default keeps what JavaScript has: null, undefined, booleans,
 * numbers (-0, NaN and infinities too), bigints, strings, dates, bytes, typed arrays, arrays, plain objects, maps and
 * sets, nested. A service may bring a codec of its own; it then needs it for as long as it reads that log.
 *
 * A value is a tag and what the tag says. `varint`: 7 bits a byte, least significant first, high bit: more follow.
 * Fixed-size numbers are little endian.
 *
 *   0 null   1 undefined   2 false   3 true
 *   4 | varint: zigzag of a safe integer          5 | f64
 *   6 | varint bytes | UTF-8                      7 | varint bytes | UTF-16, a string with lone surrogates
 *   8 | f64 milliseconds: a date                  9 | varint bytes | decimal digits of a bigint
 *  10 | varint bytes | bytes: Uint8Array         11 | the same: Buffer
 *  12 | u8 kind | varint bytes | bytes: another typed array, kind by its place in TYPED_ARRAYS
 *  13 | varint n | n values: array               14 | varint n | n times (varint bytes | UTF-8 key, value): object
 *  15 | varint n | n times (key, value): Map     16 | varint n | n values: Set
 */
import { WalError } from '../errors.js'

export interface Codec {
  /** The bytes of `value`; may be overwritten by the next call. Throws `ERR_WAL_CODEC`. */
  encode(value: unknown): Uint8Array
  /** The value again. `bytes` may be overwritten after the call. Throws `ERR_WAL_CODEC`. */
  decode(bytes: Uint8Array): unknown
}

const Tag = Object.freeze({
  NULL: 0,
  UNDEFINED: 1,
  FALSE: 2,
  TRUE: 3,
  INTEGER: 4,
  FLOAT: 5,
  STRING: 6,
  STRING_UTF16: 7,
  DATE: 8,
  BIGINT: 9,
  BYTES: 10,
  BUFFER: 11,
  TYPED_ARRAY: 12,
  ARRAY: 13,
  OBJECT: 14,
  MAP: 15,
  SET: 16
} as const)

const TYPED_ARRAYS = [
  Int8Array,
  Uint8ClampedArray,
  Int16Array,
  Uint16Array,
  Int32Array,
  Uint32Array,
  Float32Array,
  Float64Array,
  BigInt64Array,
  BigUint64Array
] as const

/** Nesting beyond this is refused: a cycle would never end. */
const MAX_DEPTH = 200
const INITIAL_BYTES = 4096
/** Strings up to this length are copied by a loop, which is faster than a call for them. */
const SHORT_STRING = 24
/** Integers whose zigzag code is exact arithmetic on doubles. */
const MAX_ZIGZAG = 2 ** 52

class Encoder {
  #bytes = Buffer.allocUnsafeSlow(INITIAL_BYTES)
  #view = new DataView(this.#bytes.buffer)
  #at = 0

  encode(value: unknown): Uint8Array {
    this.#at = 0
    this.#value(value, 0)
    return this.#bytes.subarray(0, this.#at)
  }

  #reserve(count: number): void {
    if (this.#at + count <= this.#bytes.length) return
    const larger = Buffer.allocUnsafeSlow(Math.max(this.#bytes.length * 2, this.#at + count))
    this.#bytes.copy(larger, 0, 0, this.#at)
    this.#bytes = larger
    this.#view = new DataView(larger.buffer)
  }

  #tag(tag: number): void {
    this.#reserve(10)
    this.#bytes[this.#at++] = tag
  }

  #varint(value: number): void {
    this.#reserve(10)
    while (value >= 0x80) {
      this.#bytes[this.#at++] = (value % 0x80) | 0x80
      value = Math.floor(value / 0x80)
    }
    this.#bytes[this.#at++] = value
  }

  #value(value: unknown, depth: number): void {
    switch (typeof value) {
      case 'number':
        return this.#number(value)
      case 'string':
        return this.#string(value)
      case 'boolean':
        return this.#tag(value ? Tag.TRUE : Tag.FALSE)
      case 'undefined':
        return this.#tag(Tag.UNDEFINED)
      case 'bigint': {
        this.#tag(Tag.BIGINT)
        this.#text(value.toString())
        return
      }
      case 'object':
        return value === null ? this.#tag(Tag.NULL) : this.#object(value, depth)
      default:
        throw refused(`a ${typeof value}`)
    }
  }

  #number(value: number): void {
    if (Number.isInteger(value) && value > -MAX_ZIGZAG && value < MAX_ZIGZAG && !Object.is(value, -0)) {
      this.#tag(Tag.INTEGER)
      return this.#varint(value < 0 ? -2 * value - 1 : 2 * value)
    }
    this.#float(Tag.FLOAT, value)
  }

  #float(tag: number, value: number): void {
    this.#tag(tag)
    this.#view.setFloat64(this.#at, value, true)
    this.#at += 8
  }

  #string(value: string): void {
    if (value.length > SHORT_STRING && !(value as string & { isWellFormed(): boolean }).isWellFormed()) {
      return this.#utf16(value)
    }
    const start = this.#at
    this.#tag(Tag.STRING)
    if (this.#text(value)) return
    this.#at = start
    this.#utf16(value)
  }

  #utf16(value: string): void {
    this.#tag(Tag.STRING_UTF16)
    this.#varint(value.length * 2)
    this.#reserve(value.length * 2)
    this.#at += this.#bytes.write(value, this.#at, 'utf16le')
  }

  /** Length and UTF-8 of `value`; false when it has lone surrogates (what was written is then void). */
  #text(value: string): boolean {
    if (value.length <= SHORT_STRING) {
      this.#reserve(SHORT_STRING + 1)
      const bytes = this.#bytes
      const start = this.#at
      let at = start + 1
      for (let i = 0; i < value.length; i++) {
        const unit = value.charCodeAt(i)
        if (unit >= 0x80) return this.#longText(value)
        bytes[at++] = unit
      }
      bytes[start] = value.length
      this.#at = at
      return true
    }
    return this.#longText(value)
  }

  #longText(value: string): boolean {
    if (!(value as string & { isWellFormed(): boolean }).isWellFormed()) return false
    const byteLength = Buffer.byteLength(value)
    this.#varint(byteLength)
    this.#reserve(byteLength)
    this.#at += this.#bytes.write(value, this.#at, 'utf8')
    return true
  }

  #raw(from: ArrayBufferView): void {
    this.#varint(from.byteLength)
    this.#reserve(from.byteLength)
    this.#bytes.set(new Uint8Array(from.buffer, from.byteOffset, from.byteLength), this.#at)
    this.#at += from.byteLength
  }

  #object(value: object, depth: number): void {
    if (depth >= MAX_DEPTH) throw refused(`a value nested more than ${MAX_DEPTH} deep, or a cycle`)
    const prototype: unknown = Object.getPrototypeOf(value)
    if (prototype === Object.prototype || prototype === null) return this.#plainObject(value as Record<string, unknown>, depth)
    if (Array.isArray(value)) {
      this.#tag(Tag.ARRAY)
      this.#varint(value.length)
      for (let i = 0; i < value.length; i++) this.#value(value[i], depth + 1)
      return
    }
    if (value instanceof Date) return this.#float(Tag.DATE, value.getTime())
    if (ArrayBuffer.isView(value)) return this.#typed(value)
    if (value instanceof Map) {
      this.#tag(Tag.MAP)
      this.#varint(value.size)
      for (const [key, item] of value) {
        this.#value(key, depth + 1)
        this.#value(item, depth + 1)
      }
      return
    }
    if (value instanceof Set) {
      this.#tag(Tag.SET)
      this.#varint(value.size)
      for (const item of value) this.#value(item, depth + 1)
      return
    }
    throw refused(`an object of class ${value.constructor?.name ?? 'unknown'}`)
  }

  #plainObject(value: Record<string, unknown>, depth: number): void {
    const keys = Object.keys(value)
    this.#tag(Tag.OBJECT)
    this.#varint(keys.length)
    for (const key of keys) {
      if (!this.#text(key)) throw refused('an object key with a lone surrogate')
      this.#value(value[key], depth + 1)
    }
  }

  #typed(value: ArrayBufferView): void {
    if (Buffer.isBuffer(value)) this.#tag(Tag.BUFFER)
    else if (value instanceof Uint8Array) this.#tag(Tag.BYTES)
    else {
      const kind = TYPED_ARRAYS.findIndex((type) => value instanceof type)
      if (kind < 0) throw refused(`an object of class ${value.constructor.name}`)
      this.#tag(Tag.TYPED_ARRAY)
      this.#bytes[this.#at++] = kind
    }
    this.#raw(value)
  }
}

class Decoder {
  readonly #bytes: Buffer
  readonly #view: DataView
  #at = 0

  constructor(bytes: Uint8Array) {
    this.#bytes = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  }

  decode(): unknown {
    const value = this.#value(0)
    if (this.#at !== this.#bytes.length) throw damaged(`${this.#bytes.length - this.#at} bytes are left over`)
    return value
  }

  #take(count: number): number {
    const at = this.#at
    if (count > this.#bytes.length - at) throw damaged(`it ends before the ${count} bytes that byte ${at} asks for`)
    this.#at = at + count
    return at
  }

  #varint(): number {
    let value = 0
    for (let scale = 1; scale < 2 ** 56; scale *= 0x80) {
      const byte = this.#bytes[this.#take(1)] as number
      value += (byte & 0x7f) * scale
      if (byte < 0x80) return value
    }
    throw damaged('a length has more than 8 bytes')
  }

  /** A count of things that take at least `leastBytes` each: never more than the bytes that are there. */
  #count(leastBytes: number): number {
    const count = this.#varint()
    if (count * leastBytes > this.#bytes.length - this.#at) throw damaged(`it cannot hold ${count} items`)
    return count
  }

  #text(): string {
    const length = this.#varint()
    const at = this.#take(length)
    return this.#bytes.toString('utf8', at, at + length)
  }

  /** A view of the stored bytes: copy what is kept. */
  #raw(): Uint8Array {
    const length = this.#varint()
    const at = this.#take(length)
    return this.#bytes.subarray(at, at + length)
  }

  #float(): number {
    return this.#view.getFloat64(this.#take(8), true)
  }

  #value(depth: number): unknown {
    if (depth > MAX_DEPTH) throw damaged(`it is nested more than ${MAX_DEPTH} deep`)
    const tag = this.#bytes[this.#take(1)] as number
    switch (tag) {
      case Tag.NULL:
        return null
      case Tag.UNDEFINED:
        return undefined
      case Tag.FALSE:
        return false
      case Tag.TRUE:
        return true
      case Tag.INTEGER: {
        const code = this.#varint()
        return code % 2 === 0 ? code / 2 : -(code + 1) / 2
      }
      case Tag.FLOAT:
        return this.#float()
      case Tag.STRING:
        return this.#text()
      case Tag.STRING_UTF16: {
        const length = this.#varint()
        const at = this.#take(length)
        return this.#bytes.toString('utf16le', at, at + length)
      }
      case Tag.DATE:
        return new Date(this.#float())
      case Tag.BIGINT:
        return this.#bigint()
      case Tag.BYTES:
        return new Uint8Array(this.#raw())
      case Tag.BUFFER:
        return Buffer.from(this.#raw())
      case Tag.TYPED_ARRAY:
        return this.#typedArray()
      default:
        return this.#collection(tag, depth)
    }
  }

  #bigint(): bigint {
    const digits = this.#text()
    if (!/^-?\d+$/.test(digits)) throw damaged('a bigint has other characters than digits')
    return BigInt(digits)
  }

  #typedArray(): ArrayBufferView {
    const type = TYPED_ARRAYS[this.#bytes[this.#take(1)] as number]
    if (type === undefined) throw damaged('a typed array is of unknown kind')
    const bytes = new Uint8Array(this.#raw())
    if (bytes.length % type.BYTES_PER_ELEMENT !== 0) throw damaged('a typed array ends inside an element')
    return new type(bytes.buffer)
  }

  #collection(tag: number, depth: number): unknown {
    switch (tag) {
      case Tag.ARRAY:
        return Array.from({ length: this.#count(1) }, () => this.#value(depth + 1))
      case Tag.OBJECT: {
        const value: Record<string, unknown> = {}
        for (let left = this.#count(2); left > 0; left--) setOwn(value, this.#text(), this.#value(depth + 1))
        return value
      }
      case Tag.MAP: {
        const value = new Map<unknown, unknown>()
        for (let left = this.#count(2); left > 0; left--) value.set(this.#value(depth + 1), this.#value(depth + 1))
        return value
      }
      case Tag.SET: {
        const value = new Set<unknown>()
        for (let left = this.#count(1); left > 0; left--) value.add(this.#value(depth + 1))
        return value
      }
      default:
        throw damaged(`byte ${this.#at - 1} is no known tag (${tag})`)
    }
  }
}

/** A key named `__proto__` is a key like any other. */
function setOwn(object: Record<string, unknown>, key: string, value: unknown): void {
  if (key === '__proto__') Object.defineProperty(object, key, { value, enumerable: true, configurable: true, writable: true })
  else object[key] = value
}

function refused(what: string): WalError {
  return new WalError(
    'ERR_WAL_CODEC',
    `${what} cannot be encoded; allowed: null, undefined, booleans, numbers, bigints, strings, dates, bytes, typed arrays, ` +
      'arrays, plain objects, maps and sets'
  )
}

function damaged(why: string): WalError {
  return new WalError('ERR_WAL_CODEC', `a stored value cannot be decoded: ${why}`)
}

class DefaultCodec implements Codec {
  readonly #encoder = new Encoder()

  encode(value: unknown): Uint8Array {
    return this.#encoder.encode(value)
  }

  decode(bytes: Uint8Array): unknown {
    return new Decoder(bytes).decode()
  }
}

/** The codec used where a service brings none. */
export function createDefaultCodec(): Codec {
  return new DefaultCodec()
}

/** Whether `codec` keeps what it is given as the default one does. */
export function isDefaultCodec(codec: Codec): boolean {
  return codec instanceof DefaultCodec
}
