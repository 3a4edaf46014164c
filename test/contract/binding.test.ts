// Proves that binding.d.ts, which is kept by hand, says exactly what the loaded module has: every export with its kind,
// every method of its two classes, every field of every object that it hands out. Missing and extra both fail.
import { readdirSync, rmSync, truncateSync, readFileSync, writeFileSync, mkdtempSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import ts from 'typescript'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { NativeEvent, NativeHistogram, NativeLog, NativeReader } from '../../binding.js'
import { native } from '../../lib/native.js'
import { tableRows } from './format-page.js'

const DECLARATIONS = join(import.meta.dirname, '../../binding.d.ts')

/** Names of exported constants and functions, and of the members of each interface or object type, as declared. */
interface Declared {
  constants: string[]
  functions: string[]
  members: Map<string, { name: string; isMethod: boolean; type: ts.TypeNode | undefined }[]>
}

function membersOf(list: ts.NodeArray<ts.TypeElement>): { name: string; isMethod: boolean; type: ts.TypeNode | undefined }[] {
  return list.map((member) => {
    if (member.name === undefined || !ts.isIdentifier(member.name)) throw new Error(`${member.getText()}: a plain name is expected`)
    const type = ts.isPropertySignature(member) ? member.type : undefined
    const isMethod = ts.isMethodSignature(member)
    return { name: member.name.text, isMethod, type }
  })
}

function readDeclarations(): Declared {
  const source = ts.createSourceFile(DECLARATIONS, readFileSync(DECLARATIONS, 'utf8'), ts.ScriptTarget.ES2022, true)
  const declared: Declared = { constants: [], functions: [], members: new Map() }
  for (const statement of source.statements) {
    if (ts.isVariableStatement(statement)) {
      for (const { name } of statement.declarationList.declarations) declared.constants.push(name.getText())
    } else if (ts.isFunctionDeclaration(statement)) {
      declared.functions.push(statement.name?.text ?? '')
    } else if (ts.isInterfaceDeclaration(statement)) {
      const inherited = (statement.heritageClauses ?? [])
        .flatMap((clause) => clause.types)
        .flatMap((base) => declared.members.get(base.expression.getText()) ?? [])
      declared.members.set(statement.name.text, [...inherited, ...membersOf(statement.members)])
    } else {
      throw new Error(`${statement.getText().slice(0, 60)}: this test does not know this kind of declaration`)
    }
  }
  // Shapes that are written in place.
  const limits = source.statements.filter(ts.isVariableStatement).find((statement) => statement.getText().includes('const limits:'))
  const visit = (name: string, node: ts.Node): void => {
    if (ts.isTypeLiteralNode(node)) declared.members.set(name, membersOf(node.members))
    ts.forEachChild(node, (child) => visit(name, child))
  }
  if (limits !== undefined) visit('limits', limits)
  const ring = declared.members.get('NativeScan')?.find((member) => member.name === 'ring')?.type
  if (ring !== undefined) visit('NativeScan.ring', ring)
  return declared
}

const declared = readDeclarations()

function declaredFields(shape: string): string[] {
  const members = declared.members.get(shape)
  if (members === undefined) throw new Error(`binding.d.ts declares no ${shape}`)
  return members.map((member) => member.name).sort()
}

function fieldsOf(value: unknown): string[] {
  if (typeof value !== 'object' || value === null) throw new Error(`an object is expected, not ${String(value)}`)
  return Object.keys(value).sort()
}

/** Strips nothing but the constructor: what a class hands down to its objects. */
function prototypeMembers(object: object): { name: string; isMethod: boolean }[] {
  const descriptors = Object.getOwnPropertyDescriptors(Object.getPrototypeOf(object) as object)
  return Object.entries(descriptors)
    .filter(([name]) => name !== 'constructor')
    .map(([name, descriptor]) => ({ name, isMethod: typeof descriptor.value === 'function' }))
    .sort((one, other) => (one.name < other.name ? -1 : 1))
}

function declaredMembers(shape: string): { name: string; isMethod: boolean }[] {
  return (declared.members.get(shape) ?? [])
    .map(({ name, isMethod }) => ({ name, isMethod }))
    .sort((one, other) => (one.name < other.name ? -1 : 1))
}

describe('exports', () => {
  const exported = native() as unknown as Record<string, unknown>

  test('constants', () => {
    const found = Object.keys(exported).filter((name) => typeof exported[name] !== 'function')
    expect(found.sort()).toEqual(declared.constants.sort())
  })

  test('functions', () => {
    const found = Object.keys(exported).filter((name) => typeof exported[name] === 'function')
    expect(found.sort()).toEqual(declared.functions.sort())
  })

  test('damageKinds are those of the page on the format', () => {
    expect(native().damageKinds).toEqual(tableRows('Damage', 'Kind', 'Found').map((row) => row['Kind']))
  })

  test('limits', () => {
    expect(fieldsOf(native().limits)).toEqual(declaredFields('limits'))
    for (const limit of Object.values(native().limits)) expect(limit).toSatisfy(Number.isSafeInteger)
  })
})

describe('objects', () => {
  let directory: string
  let log: NativeLog
  let reader: NativeReader
  const seenEvents: NativeEvent[] = []
  const OPTIONS = {
    segmentBytes: native().limits.minSegmentBytes,
    batchIntervalMs: 1,
    batchBytes: 1,
    queueBytes: 1 << 20,
    requireKillSafe: false,
    onCorruption: 'skip' as const,
    onWake: () => undefined
  }

  const PLAN = { throughSegment: 1, users: [], keepFromLsn: new Float64Array(), alsoLsns: new Float64Array() }

  /** A log of several segments, one damaged in the middle and the last one torn, opened again. */
  beforeAll(async () => {
    directory = mkdtempSync(join(tmpdir(), 'ingest-wal-binding-'))
    const first = await native().open({ ...OPTIONS, directory })
    for (let i = 0; i < 10; i++) {
      first.append(2, `user-${i}`, new Uint8Array(20_000).fill(i + 1), i + 1)
      while (first.durableLsn() < first.lastLsn()) await new Promise((resolve) => setTimeout(resolve, 1))
    }
    seenEvents.push(...first.takeEvents())
    await first.close()
    const segments = readdirSync(directory).filter((name) => name.endsWith('.wal')).sort()
    damage(join(directory, segments[0] ?? ''))
    const last = join(directory, segments.at(-1) ?? '')
    // Behind the last whole record and no seal: a torn tail.
    const { endOffset = 0 } = (await native().scan(directory)).segments.at(-1) ?? {}
    truncateSync(last, endOffset - 2 * 48)
    writeFileSync(last, Buffer.alloc(100, 0xee), { flag: 'a' })
    log = await native().open({ ...OPTIONS, directory })
    reader = log.read()
  })
  afterAll(async () => {
    await reader.close()
    await log.close()
    rmSync(directory, { recursive: true })
  })

  function damage(path: string): void {
    const bytes = readFileSync(path)
    const at = native().limits.segmentHeaderBytes + 10_000
    bytes[at] = (bytes[at] ?? 0) ^ 0xff
    writeFileSync(path, bytes)
  }

  test('NativeLog has the declared methods and properties', () => {
    expect(prototypeMembers(log)).toEqual(declaredMembers('NativeLog'))
  })

  test('NativeReader has the declared methods', () => {
    expect(prototypeMembers(reader)).toEqual(declaredMembers('NativeReader'))
  })

  test('NativeStats', () => expect(fieldsOf(log.stats())).toEqual(declaredFields('NativeStats')))

  test('NativeHistograms, each with a bucket more than bounds', () => {
    const histograms = log.histograms()
    expect(fieldsOf(histograms)).toEqual(declaredFields('NativeHistograms'))
    for (const histogram of Object.values(histograms) as NativeHistogram[]) {
      expect(fieldsOf(histogram)).toEqual(declaredFields('NativeHistogram'))
      expect(histogram.counts.length).toBe(histogram.bounds.length + 1)
      expect([...histogram.bounds]).toEqual([...histogram.bounds].sort((one, other) => one - other))
    }
  })

  test('NativeRecovery', () => expect(fieldsOf(log.recovery)).toEqual(declaredFields('NativeRecovery')))

  test('NativeScan', async () => {
    const scanned = await native().scan(directory)
    expect(fieldsOf(scanned)).toEqual(declaredFields('NativeScan'))
    expect(fieldsOf(scanned.ring)).toEqual(declaredFields('NativeScan.ring'))
  })

  test('NativeFigures, without and with a checkpoint', async () => {
    const figures = await native().figures(directory)
    expect(fieldsOf(figures)).toEqual(declaredFields('NativeFigures'))
    expect(fieldsOf(figures.ring)).toEqual(declaredFields('NativeRingFigures'))
    expect(fieldsOf(figures.ring?.histograms)).toEqual(declaredFields('NativeHistograms'))
    expect(figures.checkpoint).toBe(null)
  })

  test('NativeSegment', () => {
    expect(log.recovery.segments.length).toBeGreaterThan(2)
    for (const segment of log.recovery.segments) expect(fieldsOf(segment)).toEqual(declaredFields('NativeSegment'))
  })

  test('NativeDamage', () => {
    expect(log.recovery.damage).not.toEqual([])
    for (const stretch of log.recovery.damage) expect(fieldsOf(stretch)).toEqual(declaredFields('NativeDamage'))
  })

  test('NativeTornTail', () => expect(fieldsOf(log.recovery.tornTail)).toEqual(declaredFields('NativeTornTail')))

  test('NativeEvent', () => {
    expect(seenEvents).not.toEqual([])
    for (const event of seenEvents) expect(fieldsOf(event)).toEqual(declaredFields('NativeEvent'))
  })

  test('NativeChunk, with as many columns an entry as are named', async () => {
    const pulled = log.read()
    const chunk = await pulled.next()
    await pulled.close()
    expect(fieldsOf(chunk)).toEqual(declaredFields('NativeChunk'))
    expect(chunk?.columns.length).toBeGreaterThan(0)
    expect((chunk?.columns.length ?? 0) % native().entryColumns.length).toBe(0)
  })

  test('NativeCheckpoint', async () => {
    const alone = mkdtempSync(join(tmpdir(), 'ingest-wal-binding-'))
    const closed = await native().open({ ...OPTIONS, directory: alone })
    closed.append(2, 'user', null, 1)
    await closed.close()
    const written = await native().writeCheckpoint({ ...PLAN, directory: alone })
    expect(fieldsOf(written)).toEqual(declaredFields('NativeCheckpoint'))
    const { number, coveredLsn, created } = written
    expect((await native().figures(alone)).checkpoint).toEqual({ number, coveredLsn, created })
    rmSync(alone, { recursive: true })
  })

  test('every option that is declared is read: without it, writeCheckpoint refuses', () => {
    const needed = declaredFields('NativeCheckpointPlan').filter((name) => !['abort', 'acceptsLosses', 'history'].includes(name))
    expect(fieldsOf({ ...PLAN, directory })).toEqual(needed)
    for (const name of needed) {
      expect(() => void native().writeCheckpoint({ ...PLAN, directory, [name]: undefined }), name).toThrow()
    }
  })

  test('every option that is declared is read: without it, open refuses', () => {
    const needed = declaredFields('NativeOpenOptions').filter((name) => !['requireKillSafe', 'create'].includes(name))
    for (const name of needed) {
      const options = { ...OPTIONS, directory: join(directory, 'never'), [name]: undefined }
      expect(() => void native().open(options as never), name).toThrow()
    }
  })
})
