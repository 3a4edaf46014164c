/**
 * Proves, through the kernel and a file system whose pages fail with EIO as they are told (unreadable/unreadable_fs.c), that a page
 * which the device cannot read is damage like any other: verify, inspect, scanLog, readLog, Wal.open, readers of an open log and
 * repair go on; the damage is called `unreadable` and told field by field, against the records that stand in the file; it costs the
 * entries that touch the page, and every other comes back as it was appended. Also of pages that fail at their second, third, … reading
 * only, of compressed segments, checkpoints, headers and log.id. A page that can be read again gives back what it holds.
 *
 * Needs root, /dev/fuse, libfuse3-dev and a C compiler; says so where it has none, and proves nothing then.
 */
import { cpSync, readdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { Operation, readLog, repairCopy, repairLog, scanLog, Wal, type Damage, type Entry } from '../../lib/index.js'
import { runCli } from '../support/command-line.js'
import { closedLog, fingerprint, mixedLog, segmentFiles, unclosedLog, type Appended } from '../support/logs.js'
import { UNNUMBERED_USER } from '../support/record.js'
import { temporaryDirectories } from '../support/temporary-directory.js'
import { expectedDamage, losesAUser, pagesOf, placesOf, type PlacedRecord } from './unreadable/expected.js'
import { mountUnreadable, type UnreadableMount, type UnreadableRange } from './unreadable/mount.js'

const PAGE_BYTES = 4096
const FIRST_RECORD_PAGE = 2
const SEGMENT = { segmentBytes: 65_536 }
const AS_IT_IS = { ...SEGMENT, maintenance: false }

const newDirectory = temporaryDirectories()
let mounted: UnreadableMount | undefined
let appended: Appended[] = []
let records = new Map<string, PlacedRecord[]>()

beforeAll(async () => {
  const made = await mountUnreadable(newDirectory())
  if ('why' in made) return void process.stderr.write(`unreadable-pages: ${made.why}: not checked\n`)
  mounted = made.mount
  const log = join(mounted.source, 'log')
  appended = await closedLog(log, (recorder) => entriesOfAllSizes(recorder), SEGMENT)
  records = new Map(segmentFiles(log).map((file) => [file, placesOf(readFileSync(join(log, file)), appended)]))
  expect(records.size).toBeGreaterThan(2)
})

afterAll(() => mounted?.unmount())

/** Of both forms, some of several pages, by old and new users, so that user records stand among them. */
async function entriesOfAllSizes(recorder: Parameters<Parameters<typeof closedLog>[1]>[0]): Promise<void> {
  for (let round = 0; round < 24; round++) {
    recorder.append(Operation.ADD_MEASUREMENT, UNNUMBERED_USER, `full ${round}`, round + 1)
    recorder.append(Operation.COMMIT, `new-${round}`, Buffer.alloc(round % 3 === 0 ? 9000 : 700, round + 1))
    await recorder.measurements(80)
  }
}

/** A copy of the log, where the device fails as it is told. Its files are `name`/…. */
function copyOfLog(mount: UnreadableMount, name: string, from = 'log'): string {
  cpSync(join(mount.source, from), join(mount.source, name), { recursive: true })
  return join(mount.path, name)
}

function page(file: string, index: number, pages = 1, after = 0): UnreadableRange {
  return { file, first: index * PAGE_BYTES, end: (index + pages) * PAGE_BYTES, after }
}

/** An entry as a line: thousands of them are compared in an instant. */
const lineOf = ({ lsn, operation, userId, sequence, payload }: Entry | Appended): string =>
  `${lsn} ${operation} ${userId} ${sequence} ${Buffer.from(payload).toString('hex')}`
const lsnOf = (line: string): number => Number.parseInt(line, 10)

/** What a directory of the log delivers, and what it tells meanwhile. */
async function read(directory: string): Promise<{ entries: string[]; told: Damage[] }> {
  const told: Damage[] = []
  const entries = []
  for await (const entry of readLog(directory, { onDamage: (damage) => told.push(damage) })) entries.push(lineOf(entry))
  return { entries, told }
}

const without = (damage: readonly Damage[]): string[] =>
  appended.filter(({ lsn }) => !damage.some(({ firstLsn, lastLsn }) => firstLsn <= lsn && lsn <= lastLsn)).map(lineOf)

/** A page in the midst of the first segment, and what it has to cost. */
function onePage(): { file: string; range: UnreadableRange; damage: Damage } {
  const [file, places] = [...records][0] as [string, PlacedRecord[]]
  const range = page(file, 7)
  return { file, range, damage: expectedDamage(file, places, range) }
}

function at(name: string, range: UnreadableRange): UnreadableRange {
  return { ...range, file: `${name}/${range.file}` }
}

test('each page of each segment, alone and with those behind it: told field by field, and everything else comes back', async () => {
  if (mounted === undefined) return
  const { mount } = { mount: mounted }
  let looked = 0
  for (const [file, places] of records) {
    const pages = pagesOf(places)
    for (let index = FIRST_RECORD_PAGE; index < pages; index++) {
      for (const length of [1, 3]) {
        if (index + length > pages || losesAUser(places, page(file, index, length))) continue
        mount.set([page(`log/${file}`, index, length)])
        const damage = [expectedDamage(file, places, page(file, index, length))]
        const scan = await scanLog(join(mount.path, 'log'))
        expect(scan.damage, `${file}, ${length} from page ${index}`).toEqual(damage)
        expect(scan.tornTail).toBe(null)
        const { entries, told } = await read(join(mount.path, 'log'))
        expect(told).toEqual(damage)
        expect(entries).toEqual(without(damage))
        expect(mount.seen().failed).toBeGreaterThan(1)
        looked++
      }
    }
  }
  expect(looked).toBeGreaterThan(40)
})

test('the page with the seal: what the next segment proves is lost, and of the last segment the loss is told though nothing says how large it is', async () => {
  if (mounted === undefined) return
  const files = [...records.keys()]
  for (const [file, places] of records) {
    const isLast = file === files.at(-1)
    const whole = pagesOf(places)
    mounted.set([page(`log/${file}`, whole)])
    const { first, end } = page(file, whole)
    const damage = expectedDamage(file, places, { file, first, end })
    if (isLast) Object.assign(damage, { firstLsn: 0, lastLsn: 0, users: [] })
    const scan = await scanLog(join(mounted.path, 'log'))
    expect(scan.damage).toEqual([damage])
    // Nothing that could be cut.
    expect(scan.tornTail?.bytes ?? 0).toBe(0)
    const { entries } = await read(join(mounted.path, 'log'))
    expect(entries).toEqual(without([isLast ? { ...damage, firstLsn: damage.previousLsn + 1, lastLsn: Infinity } : damage]))
  }
})

test('a page of the header costs nothing, both cost the segment, log.id is known from the headers', async () => {
  if (mounted === undefined) return
  const [file] = [...records.keys()] as [string]
  const log = join(mounted.path, 'log')
  for (const index of [0, 1]) {
    mounted.set([page(`log/${file}`, index)])
    expect((await scanLog(log)).damage).toMatchObject([{ kind: 'header_copy', file, offset: index * PAGE_BYTES, endOffset: (index + 1) * PAGE_BYTES, firstLsn: 0, lastLsn: 0 }])
    expect((await read(log)).entries).toEqual(without([]))
  }
  mounted.set([page(`log/${file}`, 0, 2)])
  const { damage } = await scanLog(log)
  const lastLsn = (records.get(file) as PlacedRecord[]).findLast(({ lsn }) => lsn !== 0)?.lsn
  expect(damage).toMatchObject([{ kind: 'segment_header', file, firstLsn: 1, lastLsn, previousLsn: 0 }])
  expect((await read(log)).entries).toEqual(without(damage))
  mounted.set([page('log/log.id', 0)])
  expect((await scanLog(log)).damage).toMatchObject([{ kind: 'identity', file: 'log.id', firstLsn: 0 }])
  expect((await read(log)).entries).toEqual(without([]))
})

test('verify and inspect tell it and go on', async () => {
  if (mounted === undefined) return
  const { range, damage } = onePage()
  mounted.set([at('log', range)])
  const verify = await runCli(['verify', join(mounted.path, 'log'), '--format', 'json'])
  expect(verify).toMatchObject({ code: 1, signal: null })
  const lost = damage.lastLsn - damage.firstLsn + 1
  expect(JSON.parse(verify.stdout)).toMatchObject({ verdict: 'corrupt', damage: [damage], lost: { entries: lost, lsnRanges: [[damage.firstLsn, damage.lastLsn]], users: damage.users } })
  const inspect = await runCli(['inspect', join(mounted.path, 'log'), '--format', 'jsonl'])
  expect(inspect).toMatchObject({ code: 1, signal: null })
  expect(inspect.stderr).toContain(`unreadable in ${damage.file}`)
  const lsns = inspect.stdout.trim().split('\n').map((line) => (JSON.parse(line) as { lsn: number }).lsn)
  expect(lsns).toEqual(appended.map(({ lsn }) => lsn).filter((lsn) => lsn < damage.firstLsn || lsn > damage.lastLsn))
})

test('open: fail changes nothing, skip goes on behind it, stop before it; what can be read again is there again', async () => {
  if (mounted === undefined) return
  const { file, range, damage } = onePage()
  const [unchanged, skip, stop] = ['fail', 'skip', 'stop'].map((name) => copyOfLog(mounted as UnreadableMount, name)) as [string, string, string]
  mounted.set(['fail', 'skip', 'stop'].map((name) => at(name, range)))
  const before = fingerprint(join(mounted.source, 'fail'))
  await expect(Wal.open({ directory: unchanged, ...AS_IT_IS, onCorruption: 'fail' })).rejects.toMatchObject({ code: 'ERR_WAL_CORRUPT', message: expect.stringContaining(`unreadable in ${file} at offset ${damage.offset}`) as string })
  expect(fingerprint(join(mounted.source, 'fail'))).toEqual(before)

  for (const [directory, kept] of [[skip, without([damage])], [stop, without([{ ...damage, lastLsn: Infinity }])]] as const) {
    const wal = await Wal.open({ directory, ...AS_IT_IS, onCorruption: directory === skip ? 'skip' : 'stop' })
    expect(wal.recovery.damage).toEqual([damage])
    expect(wal.health()).toMatchObject({ status: 'damaged' })
    const lsn = wal.append(Operation.COMMIT, 'later', Buffer.from('behind it'), 1)
    expect(lsn).toBeGreaterThan(appended.length)
    await wal.durable(lsn)
    const entries = []
    for await (const entry of wal.entries()) entries.push(lineOf(entry))
    expect(entries.slice(0, -1)).toEqual(kept)
    expect(entries.at(-1)).toMatch(new RegExp(`^${lsn} .* later `))
    await wal.close()
    expect((await read(directory)).entries).toEqual(entries)
  }
  // Evidence: what can be read beside the page, and zeros.
  const [copy] = readdirSync(join(mounted.source, 'skip/quarantine')) as [string]
  const original = readFileSync(join(mounted.source, 'log', file))
  original.fill(0, range.first, range.end)
  expect(readFileSync(join(mounted.source, 'skip/quarantine', copy)).equals(original.subarray(damage.offset, damage.endOffset)), copy).toBe(true)

  mounted.set([])
  expect((await read(skip)).entries.slice(0, -1)).toEqual(without([]))
  expect((await scanLog(skip)).damage).toEqual([])
})

test('repair, in place and on a copy, keeps every entry that can be read', async () => {
  if (mounted === undefined) return
  const { file, range, damage } = onePage()
  const directory = copyOfLog(mounted, 'repair')
  mounted.set([at('repair', range), { ...range, file: `repair/quarantine/${file}` }])
  const copied = await repairCopy(directory, join(mounted.path, 'repaired'))
  const inPlace = await repairLog(directory)
  for (const [result, path] of [[copied, join(mounted.path, 'repaired')], [inPlace, directory]] as const) {
    expect(result).toMatchObject({ damage: [damage], quarantined: [file], remaining: [] })
    expect((await scanLog(path)).damage).toEqual([])
    expect((await read(path)).entries).toEqual(without([damage]))
  }
  const zeroed = readFileSync(join(mounted.source, 'log', file)).fill(0, range.first, range.end)
  expect(readFileSync(join(mounted.source, 'repaired/quarantine', file)).equals(zeroed)).toBe(true)
  mounted.set([])
  expect(readFileSync(join(directory, 'quarantine', file)).equals(readFileSync(join(mounted.source, 'log', file)))).toBe(true)
})

/** One life of a log whose page fails from its `after`-th reading on: what it delivers, what it tells. */
async function liveOver(directory: string): Promise<{ entries: string[]; told: Damage[]; later: number }> {
  const wal = await Wal.open({ directory, ...AS_IT_IS })
  const told = [...wal.recovery.damage]
  const entries = []
  for await (const entry of wal.entries({ onDamage: (damage) => told.push(damage) })) entries.push(lineOf(entry))
  const later = wal.append(Operation.COMMIT, 'later', Buffer.from('behind it'), 1)
  await wal.durable(later)
  await wal.close()
  return { entries, told, later }
}

test.each(['closed', 'not closed'])('a page that fails at its second, third, … reading only, of a log that was %s', async (how) => {
  if (mounted === undefined) return
  const mount = mounted
  const name = how === 'closed' ? 'log' : 'left'
  if (how !== 'closed') await unclosedLog(join(mount.source, name), newDirectory(), (recorder) => entriesOfAllSizes(recorder), SEGMENT)
  const files = segmentFiles(join(mount.source, name))
  const last = placesOf(readFileSync(join(mount.source, name, files.at(-1) as string)), appended).at(-1) as PlacedRecord
  const lastPage = Math.floor(last.offset / PAGE_BYTES)
  for (const [file, index] of [[files[0], 7], [files.at(-1), lastPage - 1], [files.at(-1), lastPage]] as Array<[string, number]>) {
    let after = 0
    for (let failed = Infinity; failed > 0; after++) {
      expect(after).toBeLessThan(40)
      const copy = `${name}-${file}-${index}-${after}`
      const directory = copyOfLog(mount, copy, name)
      mount.set([page(`${copy}/${file}`, index, 1, after)])
      const { entries, told, later } = await liveOver(directory)
      failed = mount.seen().failed
      const what = `page ${index} of ${file} fails from reading ${after + 1} on`
      const given = new Set(entries.map(lsnOf))
      const lost = appended.filter(({ lsn }) => !given.has(lsn)).map(({ lsn }) => lsn)
      expect(entries, what).toEqual(appended.filter(({ lsn }) => !lost.includes(lsn)).map(lineOf))
      const isTold = (lsn: number): boolean => told.some(({ kind, firstLsn, lastLsn, previousLsn }) => kind === 'unreadable' && ((firstLsn <= lsn && lsn <= lastLsn) || (lastLsn === 0 && lsn > previousLsn)))
      expect(lost.filter((lsn) => !isTold(lsn)), what).toEqual([])
      // It is readable again: nothing that anybody was given is another entry now.
      mount.set([])
      const again = (await read(directory)).entries
      const isThere = new Set(again)
      expect(entries.filter((entry) => !isThere.has(entry)), what).toEqual([])
      expect(again.find((entry) => lsnOf(entry) === later), what).toContain(' later ')
    }
    expect(after).toBeGreaterThan(2)
  }
})

test('pages of compressed segments and checkpoints: made good, or the one before serves, or told', async () => {
  if (mounted === undefined) return
  const log = await mixedLog(join(mounted.source, 'mixed'))
  const directory = join(mounted.path, 'mixed')
  const held = new Map(log.held.map((entry) => [entry.lsn, lineOf(entry)]))
  let costingNothing = 0
  for (const file of [log.base, log.backup, log.compressed.at(-1) as string]) {
    const isCheckpoint = file.endsWith('.ckpt')
    const pages = Math.ceil(statSync(join(mounted.source, 'mixed', file)).size / PAGE_BYTES)
    for (let index = 0; index < pages; index++) {
      const what = `page ${index} of ${file}`
      mounted.set([page(`mixed/${file}`, index)])
      const { damage } = await scanLog(directory)
      expect(damage.map((each) => each.file), what).toEqual(damage.map(() => file))
      // These files are small: a page may hold the ends of all blocks, both parities and the end mark.
      const kinds = isCheckpoint ? ['checkpoint', 'header_copy'] : ['compressed_block', 'compressed_parity', 'unreadable', 'not_a_file']
      expect(damage.filter(({ kind }) => !kinds.includes(kind)), what).toEqual([])
      expect(damage.length, what).toBeGreaterThan(0)
      const entries = new Map((await read(directory)).entries.map((entry) => [lsnOf(entry), entry]))
      const lost = [...held.keys()].filter((lsn) => !entries.has(lsn))
      expect(lost.filter((lsn) => !damage.some(({ firstLsn, lastLsn }) => firstLsn <= lsn && lsn <= lastLsn)), what).toEqual([])
      expect(isCheckpoint ? lost : [], what).toEqual([])
      // Of the checkpoint before, there are entries that compaction has dropped meanwhile.
      const others = [...entries].filter(([lsn, entry]) => entry !== held.get(lsn)).map(([, entry]) => entry)
      expect(others.filter((entry) => !entry.includes(` ${Operation.COMMIT} user-`)), what).toEqual([])
      expect(mounted.seen().failed, what).toBeGreaterThan(0)
      if (lost.length === 0) costingNothing++
    }
  }
  expect(costingNothing).toBeGreaterThan(10)
})
