/**
 * The members of a compressed segment (docs/format.md, "Compressed segment"): blocks, the parities that make a damaged one good,
 * and the end mark. Pure, but for zlib's threads.
 */
import { promisify } from 'node:util'
import { gzip } from 'node:zlib'

/** Bytes of the segment in each block but the last. */
export const BLOCK_BYTES = 60_000

const PARITIES = 2
const GZIP_HEADER_BYTES = 10
const GZIP_TRAILER_BYTES = 8
const HEADER_BYTES = 18
const PARITY_HEADER_BYTES = 24
const MAGIC = 0x04088b1f
const SYSTEM_UNKNOWN = 255
const SIZE_FIELD = 0x00024342
const SIZE_FIELD_BYTES = 6
const PARITY_FIELD = 0x5049
const LEVEL = 6

const NOTHING = Buffer.alloc(0)
const compress = promisify(gzip) as (content: Uint8Array, options: { level: number }) => Promise<Buffer>

/** The member that holds `content`, at most `BLOCK_BYTES` bytes. */
export function blockMember(content: Uint8Array): Promise<Buffer> {
  return member(content, NOTHING)
}

async function member(content: Uint8Array, field: Buffer): Promise<Buffer> {
  const whole = await compress(content, { level: LEVEL })
  const rest = whole.subarray(GZIP_HEADER_BYTES)
  const header = Buffer.alloc(HEADER_BYTES)
  header.writeUInt32LE(MAGIC, 0)
  header.writeUInt8(SYSTEM_UNKNOWN, 9)
  header.writeUInt16LE(SIZE_FIELD_BYTES + field.length, 10)
  header.writeUInt32LE(SIZE_FIELD, 12)
  header.writeUInt16LE(header.length + field.length + rest.length - 1, 16)
  return Buffer.concat([header, field, rest])
}

/** What stands behind the blocks, made while they go by. */
export class Parities {
  readonly #parities: Buffer[] = Array.from({ length: PARITIES }, () => NOTHING)
  #blocks = 0
  #segmentBytes = 0

  /** The next block, and how many bytes of the segment it holds. */
  add(block: Buffer, contentBytes: number): void {
    const which = this.#blocks++ % PARITIES
    this.#segmentBytes += contentBytes
    const parity = longer(this.#parities[which] as Buffer, block.length)
    this.#parities[which] = parity
    for (let index = 0; index < block.length; index++) parity[index] = (parity[index] as number) ^ (block[index] as number)
  }

  /** That of the last block stands second. */
  async members(): Promise<Buffer> {
    const order = [this.#blocks % PARITIES, (this.#blocks + 1) % PARITIES]
    const members = await Promise.all(order.map(async (which) => member(NOTHING, await this.#field(which))))
    return Buffer.concat([...members, await member(NOTHING, NOTHING)])
  }

  async #field(which: number): Promise<Buffer> {
    const parity = this.#parities[which] as Buffer
    const field = Buffer.alloc(PARITY_HEADER_BYTES + parity.length)
    field.writeUInt16LE(PARITY_FIELD, 0)
    field.writeUInt16LE(field.length - 4, 2)
    field.writeUInt32LE(this.#blocks, 8)
    field.writeBigUInt64LE(BigInt(this.#segmentBytes), 12)
    field.writeUInt32LE(which, 20)
    parity.copy(field, PARITY_HEADER_BYTES)
    field.writeUInt32LE(await crc32(field.subarray(8)), 4)
    return field
  }
}

/** `parity` for a block of `bytes` bytes: where there was nothing yet, each byte is 0xff. */
function longer(parity: Buffer, bytes: number): Buffer {
  return bytes <= parity.length ? parity : Buffer.concat([parity, Buffer.alloc(bytes - parity.length, 0xff)])
}

/** Gzip says it of what it compresses; zlib.crc32 is not in every Node that is supported. */
async function crc32(bytes: Uint8Array): Promise<number> {
  const whole = await compress(bytes, { level: 1 })
  return whole.readUInt32LE(whole.length - GZIP_TRAILER_BYTES)
}
