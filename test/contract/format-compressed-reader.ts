/** "Compressed segment" of docs/format.md: where its members lie, which of them are blocks, and what is read of these. */
import { createHash } from 'node:crypto'
import { inflateRawSync } from 'node:zlib'
import { hasExactPadding } from './format-deflate.js'
import { tableRows } from './format-page.js'
import { constant, load, offsetOf, type Layout } from './format-reader.js'

function layout(...of: string[]): Layout {
  const rows = tableRows('Compressed segment', 'Offset', 'Type', ...of, 'Constant')
  return new Map(rows.map((row) => [row[of[0] as string] as string, { offset: Number(row['Offset']), type: row['Type'] as string }]))
}

const memberLayout = layout('Field of a member')
const parityLayout = layout('Field of a parity member')

const HEADER_BYTES = offsetOf(memberLayout, 'deflate')
const EXTRA_AT = offsetOf(memberLayout, 'size field')
const PARITY_AT = offsetOf(parityLayout, 'parity')
const TRAILER_BYTES = constant('compressed::kTrailerBytes')
const BLOCK_BYTES = constant('compressed::kBlockBytes')
const MIN_MEMBER_BYTES = constant('compressed::kMinMemberBytes')
const MOST_STRETCH_BYTES = 2 * constant('compressed::kMaxMemberBytes')
const PARITIES = constant('compressed::kParities')
const MOST_MEMBERS = constant('compressed::kMaxMembers')
const MOST_DAMAGED = constant('compressed::kMaxDamagedMembers')
const MOST_MADE_GOOD = constant('compressed::kMaxMadeGoodByParity')

export type Range = [from: number, end: number]

export interface CompressedContent {
  content: Buffer
  /** Ranges of the content that no member gives; zeros there. */
  unreadable: Range[]
  /** Ranges of the file: damages of the kind `compressed_block`. */
  blocks: Range[]
  /** The same of the kind `compressed_parity`. */
  parity: Range | undefined
}

interface Member {
  at: number
  bytes: number
  /** Where a second member would begin, if it is two. */
  perhapsSecondAt?: number
}

interface Parity {
  blocks: number
  segmentBytes: number
  which: number
  bytes: Buffer
}

const crcTable = Uint32Array.from({ length: 256 }, (_, index) => {
  let register = index
  for (let bit = 0; bit < 8; bit++) register = (register & 1) === 1 ? (register >>> 1) ^ 0xedb88320 : register >>> 1
  return register
})

/** CRC-32 as gzip has it. */
function crc32(bytes: Uint8Array): number {
  let register = ~0
  for (const byte of bytes) register = (crcTable[(register ^ byte) & 0xff] as number) ^ (register >>> 8)
  return ~register >>> 0
}

function field(bytes: Buffer, name: string): number {
  return Number(load(bytes, memberLayout, name))
}

function parityField(bytes: Buffer, name: string): number {
  return Number(load(bytes, parityLayout, name))
}

function beginsLikeAMember(bytes: Buffer): boolean {
  if (field(bytes, 'member magic') !== constant('compressed::kMagic')) return false
  return field(bytes, 'size field') === constant('compressed::kSizeField') && field(bytes, 'extra bytes') >= HEADER_BYTES - EXTRA_AT
}

/** Size of the member whose header stands there. */
function headerAt(file: Buffer, at: number): number | undefined {
  const left = file.subarray(at)
  if (left.length < MIN_MEMBER_BYTES || !beginsLikeAMember(left)) return undefined
  const bytes = field(left, 'member bytes') + 1
  return bytes < MIN_MEMBER_BYTES || bytes > left.length ? undefined : bytes
}

/** "Members". */
function membersOf(file: Buffer): Member[] | undefined {
  const members: Member[] = []
  let damaged = 0
  let isOneSound = false
  for (let at = 0; at < file.length && members.length <= MOST_MEMBERS; ) {
    const bytes = headerAt(file, at)
    if (bytes !== undefined && (at + bytes === file.length || headerAt(file, at + bytes) !== undefined)) {
      members.push({ at, bytes })
      isOneSound = true
      at += bytes
      continue
    }
    if (++damaged > MOST_DAMAGED) return undefined
    let next = nextHeader(file, at + HEADER_BYTES)
    const member: Member = { at, bytes: 0 }
    if (bytes !== undefined && at + bytes < next) {
      const isWhole = isSound(file.subarray(at, at + bytes))
      isOneSound ||= isWhole
      if (isWhole) next = at + bytes
      else member.perhapsSecondAt = at + bytes
    }
    member.bytes = Math.min(next - at, MOST_STRETCH_BYTES)
    members.push(member)
    at = next
  }
  return isOneSound && members.length <= MOST_MEMBERS ? members : undefined
}

function nextHeader(file: Buffer, from: number): number {
  const end = Math.min(file.length, from + MOST_STRETCH_BYTES)
  for (let at = from; at + HEADER_BYTES <= end; at++) {
    if (file[at] === 0x1f && headerAt(file, at) !== undefined) return at
  }
  return file.length
}

function contentBytesSaid(member: Buffer): number {
  return member.length < MIN_MEMBER_BYTES ? 0 : member.readUInt32LE(member.length - 4)
}

function isSound(member: Buffer): boolean {
  return contentOf(member, contentBytesSaid(member)) !== undefined
}

/** Rules 2 and 3: what a member holds, if that is `bytes` bytes. */
function contentOf(member: Buffer, bytes: number): Buffer | undefined {
  if (member.length < MIN_MEMBER_BYTES || bytes > BLOCK_BYTES || !beginsLikeAMember(member)) return undefined
  const stream = streamOf(member)
  if (stream === undefined || contentBytesSaid(member) !== bytes) return undefined
  try {
    // With `info`, the types of zlib leave out what comes back.
    const inflated = inflateRawSync(stream, { info: true, maxOutputLength: Math.max(1, bytes) }) as unknown as {
      buffer: Buffer
      engine: { bytesWritten: number }
    }
    const isWhole = inflated.engine.bytesWritten === stream.length && inflated.buffer.length === bytes
    return isWhole && crc32(inflated.buffer) === member.readUInt32LE(member.length - TRAILER_BYTES) ? inflated.buffer : undefined
  } catch {
    return undefined
  }
}

function streamOf(member: Buffer): Buffer | undefined {
  const at = EXTRA_AT + field(member, 'extra bytes')
  return at > member.length - TRAILER_BYTES ? undefined : member.subarray(at, member.length - TRAILER_BYTES)
}

/** "Parities": what the member of this index holds, if it is one, and stands where it belongs. */
function parityOf(member: Buffer, index: number, mayBeOneOff: boolean): Parity | undefined {
  if (member.length < PARITY_AT || !beginsLikeAMember(member)) return undefined
  if (parityField(member, 'parity field') !== constant('compressed::kParityField')) return undefined
  const end = offsetOf(parityLayout, 'field checksum') + parityField(member, 'field bytes')
  if (end < PARITY_AT || end > member.length) return undefined
  if (crc32(member.subarray(offsetOf(parityLayout, 'blocks'), end)) !== parityField(member, 'field checksum')) return undefined
  const [blocks, segmentBytes, which] = ['blocks', 'segment bytes', 'which'].map((name) => parityField(member, name)) as [number, number, number]
  if (which >= PARITIES || blocks === 0 || Math.ceil(segmentBytes / BLOCK_BYTES) !== blocks) return undefined
  const place = blocks + (which === blocks % PARITIES ? 0 : 1)
  if (index !== place && !(mayBeOneOff && index + 1 === place)) return undefined
  return { blocks, segmentBytes, which, bytes: member.subarray(PARITY_AT, end) }
}

/** Undefined: it is no compressed segment. */
export function readCompressed(file: Buffer): CompressedContent | undefined {
  const members = membersOf(file)
  if (members === undefined) return undefined
  const bytesOf = ({ at, bytes }: Member): Buffer => file.subarray(at, at + bytes)
  const unclear = members.filter(({ perhapsSecondAt }) => perhapsSecondAt !== undefined)
  const parities = members
    .map((member, index) => (index < members.length - 1 - PARITIES ? undefined : parityOf(bytesOf(member), index, unclear.length === 1)))
    .filter((parity) => parity !== undefined)
  const [said] = parities
  let segmentBytes: number
  if (said !== undefined) {
    if (unclear.length === 1) splitInTwo(members, unclear[0] as Member, said.blocks)
    members.length = said.blocks
    segmentBytes = said.segmentBytes
  } else {
    while (members.length > 0 && contentBytesSaid(bytesOf(members.at(-1) as Member)) === 0) members.pop()
    if (members.length === 0) return undefined
    segmentBytes = (members.length - 1) * BLOCK_BYTES + Math.min(contentBytesSaid(bytesOf(members.at(-1) as Member)), BLOCK_BYTES)
  }
  const blocksEnd = (members.at(-1) as Member).at + (members.at(-1) as Member).bytes
  const isExact = endIsExact(file.subarray(blocksEnd), parities)
  return { ...contentOfBlocks(members.map(bytesOf), members, parities, segmentBytes), parity: isExact ? undefined : [blocksEnd, file.length] }
}

function splitInTwo(members: Member[], unclear: Member, blocks: number): void {
  const index = members.indexOf(unclear)
  const secondAt = unclear.perhapsSecondAt as number
  if (index >= blocks || members.length >= blocks + PARITIES + 1) return
  const { at, bytes } = unclear
  members.splice(index, 1, { at, bytes: secondAt - at }, { at: secondAt, bytes: at + bytes - secondAt })
}

/** Whether both parities and the end mark are as the tables say. */
function endIsExact(end: Buffer, parities: readonly Parity[]): boolean {
  const { blocks } = parities[0] ?? { blocks: 0 }
  const inOrder = [blocks, blocks + 1].map((number) => parities.find(({ which }) => which === number % PARITIES))
  let at = 0
  for (const parity of [...inOrder, null]) {
    if (parity === undefined) return false
    const fieldBytes = parity === null ? 0 : PARITY_AT - HEADER_BYTES + parity.bytes.length
    const member = end.subarray(at, at + MIN_MEMBER_BYTES + fieldBytes)
    if (member.length < MIN_MEMBER_BYTES + fieldBytes || !hasExactHeader(member, fieldBytes)) return false
    if (!member.subarray(HEADER_BYTES + fieldBytes).equals(Buffer.from('03000000000000000000', 'hex'))) return false
    at += member.length
  }
  return at === end.length
}

function hasExactHeader(member: Buffer, fieldBytes: number): boolean {
  if (!beginsLikeAMember(member) || field(member, 'time') !== 0 || field(member, 'flags') !== constant('compressed::kFlags')) return false
  return field(member, 'extra bytes') === HEADER_BYTES - EXTRA_AT + fieldBytes && field(member, 'member bytes') + 1 === member.length
}

const exactPaddings = new Map<string, boolean>()

/** The walk over a stream is slow, and most members are met again and again. */
function isExactBlock(member: Buffer): boolean {
  if (!hasExactHeader(member, 0)) return false
  const key = createHash('sha1').update(member).digest('hex')
  const known = exactPaddings.get(key) ?? hasExactPadding(streamOf(member) as Buffer)
  exactPaddings.set(key, known)
  return known
}

function contentOfBlocks(
  blocks: readonly Buffer[], places: readonly Member[], parities: readonly Parity[], segmentBytes: number
): Omit<CompressedContent, 'parity'> {
  const read: Omit<CompressedContent, 'parity'> = { content: Buffer.alloc(segmentBytes), unreadable: [], blocks: [] }
  const bytesOf = (index: number): number => Math.min(BLOCK_BYTES, segmentBytes - index * BLOCK_BYTES)
  const stored = blocks.map((member, index) => contentOf(member, bytesOf(index)))
  for (const [index, member] of blocks.entries()) {
    const damaged = stored.filter((content, other) => content === undefined && (other - index) % PARITIES === 0).length
    const sound = stored[index]
    const parity = damaged <= MOST_MADE_GOOD ? parities.find(({ which }) => which === index % PARITIES) : undefined
    const content = sound ?? (parity === undefined ? undefined : contentOf(madeGood(blocks, index, parity), bytesOf(index)))
    const from = index * BLOCK_BYTES
    if (content === undefined) read.unreadable.push([from, from + bytesOf(index)])
    else content.copy(read.content, from)
    const { at, bytes } = places[index] as Member
    if (content !== undefined && (sound === undefined || !isExactBlock(member))) read.blocks.push([at, at + bytes])
  }
  return read
}

/** What the parity and the other members under it leave; nothing when one of them is longer than the parity. */
function madeGood(blocks: readonly Buffer[], index: number, parity: Parity): Buffer {
  const under = blocks.filter((_, other) => other % PARITIES === parity.which)
  if (under.some(({ length }) => length > parity.bytes.length)) return Buffer.alloc(0)
  const made = parity.bytes.map((byte) => byte ^ 0xff)
  for (const [other, member] of blocks.entries()) {
    if (other === index || other % PARITIES !== parity.which) continue
    for (const [at, byte] of member.entries()) made[at] = (made[at] as number) ^ byte
  }
  return Buffer.from(made.subarray(0, (blocks[index] as Buffer).length))
}
