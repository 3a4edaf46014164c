/**
 * The members of a compressed segment (docs/format.md, "Compressed segment"): blocks, the parities that make a damaged one good,
 * and the end mark. Pure, but for zlib's threads.
 */
import { promisify } from 'node:util'
import { gzip } from 'node:zlib'
import type { NativeModule } from '../native.js'

/** Where the parts of a member are: of `format.h`, by way of the native module. */
export type CompressedLayout = NativeModule['compressedLayout']

const GZIP_HEADER_BYTES = 10
const LEVEL = 6

const NOTHING = Buffer.alloc(0)
const compress = promisify(gzip) as (content: Uint8Array, options: { level: number }) => Promise<Buffer>

/** The member that holds `content`, at most `layout.blockBytes` bytes. */
export function blockMember(layout: CompressedLayout, content: Uint8Array): Promise<Buffer> {
  return member(layout, content, NOTHING)
}

async function member(layout: CompressedLayout, content: Uint8Array, field: Buffer): Promise<Buffer> {
  const { magic, flagsAt, flags, extraBytesAt, sizeFieldAt, sizeField, memberBytesAt, deflateAt } = layout
  const whole = await compress(content, { level: LEVEL })
  const rest = whole.subarray(GZIP_HEADER_BYTES)
  const header = Buffer.alloc(deflateAt)
  header.writeUInt32LE(magic, 0)
  header.writeUInt16LE(flags, flagsAt)
  header.writeUInt16LE(deflateAt - sizeFieldAt + field.length, extraBytesAt)
  header.writeUInt32LE(sizeField, sizeFieldAt)
  header.writeUInt16LE(header.length + field.length + rest.length - 1, memberBytesAt)
  return Buffer.concat([header, field, rest])
}

/** What stands behind the blocks, made while they go by. */
export class Parities {
  readonly #layout: CompressedLayout
  readonly #parities: Buffer[]
  #blocks = 0
  #segmentBytes = 0

  constructor(layout: CompressedLayout) {
    this.#layout = layout
    this.#parities = Array.from({ length: layout.parities }, () => NOTHING)
  }

  /** The next block, and how many bytes of the segment it holds. */
  add(block: Buffer, contentBytes: number): void {
    const which = this.#blocks++ % this.#layout.parities
    this.#segmentBytes += contentBytes
    const parity = longer(this.#parities[which] as Buffer, block.length)
    this.#parities[which] = parity
    for (let index = 0; index < block.length; index++) parity[index] = (parity[index] as number) ^ (block[index] as number)
  }

  /** That of the last block stands last; behind them the end mark. */
  async members(): Promise<Buffer> {
    const order = this.#parities.map((_, index) => (this.#blocks + index) % this.#layout.parities)
    const fields = [...(await Promise.all(order.map((which) => this.#field(which)))), NOTHING]
    return Buffer.concat(await Promise.all(fields.map((field) => member(this.#layout, NOTHING, field))))
  }

  async #field(which: number): Promise<Buffer> {
    const { parityField, parityFieldAt, ...places } = this.#layout
    const parity = this.#parities[which] as Buffer
    // Places are those in the member.
    const at = (place: number): number => place - parityFieldAt
    const field = Buffer.alloc(at(places.parityAt) + parity.length)
    const rest = at(places.parityBlocksAt)
    field.writeUInt16LE(parityField, 0)
    field.writeUInt16LE(field.length - at(places.parityChecksumAt), at(places.parityFieldBytesAt))
    field.writeUInt32LE(this.#blocks, rest)
    field.writeBigUInt64LE(BigInt(this.#segmentBytes), at(places.parityLengthAt))
    field.writeUInt32LE(which, at(places.parityWhichAt))
    parity.copy(field, at(places.parityAt))
    field.writeUInt32LE(await crc32(field.subarray(rest), places.trailerBytes), at(places.parityChecksumAt))
    return field
  }
}

/** `parity` for a block of `bytes` bytes: where there was nothing yet, each byte is 0xff. */
function longer(parity: Buffer, bytes: number): Buffer {
  return bytes <= parity.length ? parity : Buffer.concat([parity, Buffer.alloc(bytes - parity.length, 0xff)])
}

/** Gzip says it of what it compresses; zlib.crc32 is not in every Node that is supported. */
async function crc32(bytes: Uint8Array, trailerBytes: number): Promise<number> {
  const whole = await compress(bytes, { level: 1 })
  return whole.readUInt32LE(whole.length - trailerBytes)
}
