/**
 * Where bits of a deflate stream (RFC 1951) say nothing: "before stored bytes and at its end", as docs/format.md has it. zlib passes
 * over them without a word, so the stream is walked here, for its length alone: what it says is zlib's to tell.
 */

const LENGTH_EXTRA = [0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3, 4, 4, 4, 4, 5, 5, 5, 5, 0]
const DISTANCE_EXTRA = Array.from({ length: 30 }, (_, code) => Math.max(0, (code >> 1) - 1))
const CODE_LENGTH_ORDER = [16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15]
const END_OF_BLOCK = 256
const MAX_CODE_BITS = 15

/** Of one canonical code: how many symbols have each length, and the symbols in the order of their codes. */
interface Code {
  counts: number[]
  symbols: number[]
}

function codeOf(lengths: readonly number[]): Code {
  const counts = Array.from({ length: MAX_CODE_BITS + 1 }, (_, bits) => lengths.filter((length) => length === bits).length)
  counts[0] = 0
  const symbols = [...lengths.keys()].filter((symbol) => lengths[symbol] !== 0)
  return { counts, symbols: symbols.sort((a, b) => (lengths[a] as number) - (lengths[b] as number) || a - b) }
}

const FIXED_LITERALS = codeOf(Array.from({ length: 288 }, (_, symbol) => (symbol < 144 ? 8 : symbol < 256 ? 9 : symbol < 280 ? 7 : 8)))
const FIXED_DISTANCES = codeOf(Array.from({ length: 30 }, () => 5))

class Bits {
  readonly #bytes: Buffer
  #at = 0

  constructor(bytes: Buffer) {
    this.#bytes = bytes
  }

  take(count: number): number {
    let value = 0
    for (let bit = 0; bit < count; bit++, this.#at++) {
      value |= (((this.#bytes[this.#at >> 3] as number) >> (this.#at & 7)) & 1) << bit
    }
    return value
  }

  symbol({ counts, symbols }: Code): number {
    let code = 0
    let first = 0
    let index = 0
    for (let bits = 1; bits <= MAX_CODE_BITS; bits++) {
      code |= this.take(1)
      const count = counts[bits] as number
      if (code - count < first) return symbols[index + code - first] as number
      index += count
      first = (first + count) << 1
      code <<= 1
    }
    throw new Error('no deflate stream: zlib took it for one')
  }

  /** The bits up to the next byte. */
  padding(): number {
    return this.take(-this.#at & 7)
  }

  skipBytes(count: number): void {
    this.#at += 8 * count
  }
}

/** Whether those bits are 0. `stream` is a whole stream, and sound. */
export function hasExactPadding(stream: Buffer): boolean {
  const bits = new Bits(stream)
  for (let isLast = false; !isLast; ) {
    isLast = bits.take(1) === 1
    const kind = bits.take(2)
    if (kind === 0) {
      if (bits.padding() !== 0) return false
      const count = bits.take(16)
      bits.skipBytes(2 + count)
    } else if (kind === 1) passBlock(bits, FIXED_LITERALS, FIXED_DISTANCES)
    else passDynamicBlock(bits)
  }
  return bits.padding() === 0
}

function passBlock(bits: Bits, literals: Code, distances: Code): void {
  for (;;) {
    const symbol = bits.symbol(literals)
    if (symbol === END_OF_BLOCK) return
    if (symbol < END_OF_BLOCK) continue
    bits.take(LENGTH_EXTRA[symbol - END_OF_BLOCK - 1] as number)
    bits.take(DISTANCE_EXTRA[bits.symbol(distances)] as number)
  }
}

function passDynamicBlock(bits: Bits): void {
  const [literals, distances, codeLengths] = [bits.take(5) + 257, bits.take(5) + 1, bits.take(4) + 4]
  const ofCodeLengths = Array.from({ length: CODE_LENGTH_ORDER.length }, () => 0)
  for (const symbol of CODE_LENGTH_ORDER.slice(0, codeLengths)) ofCodeLengths[symbol] = bits.take(3)
  const code = codeOf(ofCodeLengths)
  const lengths: number[] = []
  while (lengths.length < literals + distances) {
    const symbol = bits.symbol(code)
    if (symbol < 16) lengths.push(symbol)
    else {
      const repeated = symbol === 16 ? (lengths.at(-1) as number) : 0
      const times = symbol === 16 ? 3 + bits.take(2) : symbol === 17 ? 3 + bits.take(3) : 11 + bits.take(7)
      for (let left = times; left > 0; left--) lengths.push(repeated)
    }
  }
  passBlock(bits, codeOf(lengths.slice(0, literals)), codeOf(lengths.slice(literals)))
}
