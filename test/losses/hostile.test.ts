// Proves that whatever lies in place of the two files of losses, a log opens and says so: nothing hangs, nothing is followed, what is
// there is kept in quarantine, what it told counts as lost until somebody acknowledges it, and who only looks changes nothing. That
// what is written is bounded, durable before it has its name, and survives a disk that takes no writes for a while.
import { execFileSync } from 'node:child_process'
import { chmodSync, lstatSync, mkdirSync, readdirSync, readFileSync, rmSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { acknowledgeLosses, readLosses } from '../../lib/index.js'
import { LossLedger } from '../../lib/losses/ledger.js'
import { closedLog, fingerprint } from '../support/logs.js'
import { temporaryDirectories } from '../support/temporary-directory.js'
import { damagedLog, damageOf, healthIn, inLog, lossesOf, until } from './support.js'

const newDirectory = temporaryDirectories()

const LOSS = { id: 'a', foundAt: '2026-01-01T00:00:00.000Z', damage: damageOf(), moreUsers: 0, quarantine: [] }
const PLACE = { id: 'a', acknowledgedAt: '2026-01-01T00:00:00.000Z', place: damageOf() }

type Put = (path: string) => void
const text = (content: unknown): Put => (path) => writeFileSync(path, typeof content === 'string' ? content : JSON.stringify(content))

/** What may lie there under either name, and a word of what is said about it. */
const OBJECTS: Array<[string, Put, RegExp]> = [
  ['nothing in it', text(''), /not JSON/],
  ['half of it', text('{"version":1,"losses":[{"id":"a"'), /not JSON/],
  ['noise', (path) => writeFileSync(path, Buffer.alloc(5000, 0xfe)), /not JSON/],
  ['a million brackets', text('['.repeat(1_000_000)), /not JSON/],
  ['a list', text([]), /no object/],
  ['null', text('null'), /no object/],
  ['another version', text({ version: 2, losses: [], acknowledged: [] }), /of version 2, this build knows 1/],
  ['a version that is long', text({ version: 'x'.repeat(1e6) }), /of version "x+, this/],
  ['no list', text({ version: 1, losses: {}, acknowledged: {} }), /no list/],
  ['a list that is too long', text({ version: 1, losses: Array(1001).fill(LOSS), acknowledged: Array(10_001).fill(PLACE) }), /no list of at most/],
  ['a link', (path) => symlinkSync('/etc/passwd', path), /symbolic link/],
  ['a link to nowhere', (path) => symlinkSync('nowhere', path), /symbolic link/],
  ['a directory', (path) => mkdirSync(path), /regular file/],
  ['a FIFO', (path) => execFileSync('mkfifo', [path]), /regular file/],
  ['a file of a terabyte', (path) => (writeFileSync(path, ''), truncateSync(path, 2 ** 40)), /bytes; allowed/]
]
const withLoss = (change: object): Put => text({ version: 1, losses: [{ ...LOSS, ...change }] })
const withDamage = (change: object): Put => withLoss({ damage: { ...LOSS.damage, ...change } })
const LOSS_FIELDS: Array<[string, Put, RegExp]> = [
  ['a loss that is none', text({ version: 1, losses: [null] }), /a loss is no object/],
  ['an id that is no text', withLoss({ id: 7 }), /"id"/],
  ['a time that is none', withLoss({ foundAt: 'yesterday' }), /"foundAt"/],
  ['users without number', withLoss({ moreUsers: -1 }), /"moreUsers"/],
  ['copies without end', withLoss({ quarantine: Array(11).fill('x') }), /"quarantine"/],
  ['no damage', withLoss({ damage: undefined }), /"damage"/],
  ['an LSN above all', withDamage({ lastLsn: 2 ** 60 }), /"lastLsn"/],
  ['half an offset', withDamage({ offset: 0.5 }), /"offset"/],
  ['a user that is a number', withDamage({ users: [7] }), /"users"/],
  ['a name without end', withDamage({ file: 'x'.repeat(301) }), /"file"/],
  ['a name that moves the cursor', withDamage({ file: '\u001b[2J' }), /"file"/],
  ['a kind that is none', withDamage({ kind: '\u001b[2J' }), /"kind"/],
  ['copies that hold escapes', withLoss({ quarantine: ['\u0007'] }), /"quarantine"/]
]

test.each(LOSS_FIELDS)('losses.json with %s is not believed', async (_, put, word) => {
  const directory = newDirectory()
  put(join(directory, 'losses.json'))
  expect(await readLosses(directory)).toEqual({ losses: [], earlier: [], unacknowledged: [], truncated: false, problems: [expect.stringMatching(word)] })
})

test('losses.json with all that there is, and more, is believed', async () => {
  const directory = newDirectory()
  withLoss({ comment: 'from a newer build', damage: { ...LOSS.damage, users: ['__proto__', '\ud800', ''] } })(join(directory, 'losses.json'))
  const { losses, problems } = await readLosses(directory)
  expect([losses, problems]).toEqual([[{ ...LOSS, damage: { ...LOSS.damage, users: ['__proto__', '\ud800', ''] } }], []])
})

describe.each(OBJECTS)('losses.json is %s', (_, put, word) => {
  test('it is kept, told, and acknowledged like another loss', async () => {
    const directory = newDirectory()
    await closedLog(directory, (recorder) => recorder.measurements(5))
    put(join(directory, 'losses.json'))
    const before = lstatSync(join(directory, 'losses.json'), { bigint: true })
    expect((await readLosses(directory)).problems).toEqual([expect.stringMatching(word)])
    const { ino, size, mtimeNs } = lstatSync(join(directory, 'losses.json'), { bigint: true })
    expect({ ino, size, mtimeNs }).toEqual({ ino: before.ino, size: before.size, mtimeNs: before.mtimeNs })
    const reason = expect.stringMatching(/^loss_file damage in losses\.json, no entry is known to be lost/) as string
    expect(await healthIn(directory)).toEqual({ status: 'damaged', reasons: [reason] })
    expect(lstatSync(join(directory, 'quarantine/losses.json'), { bigint: true }).ino).toBe(before.ino)
    expect(lossesOf(directory)).toMatchObject([{ quarantine: ['quarantine/losses.json'], damage: { kind: 'loss_file', detail: expect.stringMatching(word) as string } }])
    expect(await healthIn(directory)).toEqual({ status: 'damaged', reasons: [reason] })
    await inLog(directory, (wal) => wal.acknowledgeLoss())
    expect(await healthIn(directory)).toEqual({ status: 'ok', reasons: [] })
  })
})

describe.each(OBJECTS)('acknowledged.json is %s', (name, put, word) => {
  test('nothing counts as acknowledged, and the next acknowledgement takes its place', async () => {
    const directory = newDirectory()
    await damagedLog(directory)
    await inLog(directory, (wal) => wal.acknowledgeLoss())
    rmSync(join(directory, 'acknowledged.json'))
    put(join(directory, 'acknowledged.json'))
    const { reasons } = await healthIn(directory)
    expect(reasons).toEqual([expect.stringMatching(/LSN 23 lost/), expect.stringMatching(word)])
    if (name === 'a directory') {
      await expect(inLog(directory, (wal) => wal.acknowledgeLoss())).rejects.toMatchObject({ name: 'WalError', message: expect.stringContaining('acknowledged.json') as string })
      return
    }
    await inLog(directory, async (wal) => {
      await wal.acknowledgeLoss()
      expect(wal.health()).toEqual({ status: 'ok', reasons: [] })
    })
    expect(await healthIn(directory)).toEqual({ status: 'ok', reasons: [] })
  })
})

test('a passing lack of the system is no verdict over the file', async () => {
  const directory = newDirectory()
  await damagedLog(directory)
  await inLog(directory, () => undefined)
  // Without a descriptor left, nobody can say what is in the file; nor may it be moved away.
  const script = `
    import { openSync } from 'node:fs'
    import { readLosses } from ${JSON.stringify(new URL('../../dist/esm/index.js', import.meta.url).href)}
    try { for (;;) openSync('/dev/null') } catch {}
    await readLosses(${JSON.stringify(directory)}).then(() => console.log('read'), (error) => console.log(error.code))`
  const said = execFileSync('sh', ['-c', 'ulimit -n 64; exec "$0" --input-type=module -e "$1"', process.execPath, script], { encoding: 'utf8' })
  expect(said).toBe('ERR_WAL_IO\n')
})

describe('what is written', () => {
  test('is bounded: a thousand losses, of each a hundred users, however long their ids and their number', async () => {
    const directory = newDirectory()
    const users = Array.from({ length: 5000 }, (_, index) => `user-${index}`)
    const found = Array.from({ length: 3000 }, (_, index) => damageOf({ offset: index * 100, endOffset: index * 100 + 50, users, detail: '\u0001'.repeat(1e5) }))
    found[0] = damageOf({ users: ['\ud800'.repeat(65_536)], offset: 0, endOffset: 1 })
    const ledger = await LossLedger.open(directory, found)
    await ledger.close()
    expect(ledger.problems).toEqual(['more losses were found than losses.json keeps (1000)'])
    const losses = lossesOf(directory)
    expect([losses.length, losses[0]?.damage.users.length, losses[0]?.moreUsers]).toEqual([1000, 0, 1])
    expect([losses[1]?.damage.users.length, losses[1]?.moreUsers]).toEqual([100, 4900])
    expect(readFileSync(join(directory, 'losses.json')).length).toBeLessThan(16 * 1024 * 1024)
    // What it wrote, it reads; and it writes nothing when it meets the same again.
    const before = fingerprint(directory)
    const again = await LossLedger.open(directory, found)
    await again.close()
    expect(fingerprint(directory)).toEqual(before)
    expect([again.current.length, again.earlier.length]).toEqual([1000, 0])
    await acknowledgeLosses(directory, lossesOf(directory), found)
    const quiet = await LossLedger.open(directory, found)
    await quiet.close()
    expect([quiet.current, quiet.earlier, quiet.problems]).toEqual([[], [], []])
  })

  test('is written as soon as the disk takes it again; until then health says that it is not', async () => {
    const directory = newDirectory()
    const ledger = await LossLedger.open(directory, [])
    // A name that cannot be replaced: as good as a disk that takes nothing, also for root.
    mkdirSync(join(directory, 'losses.json', 'full'), { recursive: true })
    ledger.add(damageOf())
    await until(() => ledger.problems.length > 0)
    expect(ledger.problems).toEqual([expect.stringMatching(/^losses cannot be written down/)])
    expect(ledger.current.length).toBe(1)
    rmSync(join(directory, 'losses.json'), { recursive: true })
    await until(() => ledger.problems.length === 0)
    expect(lossesOf(directory)).toMatchObject([{ damage: { firstLsn: 11 } }])
    await ledger.close()
    expect(readdirSync(directory)).toEqual(['losses.json'])
  })

  test('belongs to the owner of the directory, whoever acknowledges', async () => {
    if (process.getuid?.() !== 0) return
    const directory = newDirectory()
    await damagedLog(directory)
    execFileSync('chown', ['-R', '65534:65534', directory])
    chmodSync(directory, 0o700)
    await acknowledgeLosses(directory, [], [damageOf()])
    const { uid, gid, mode } = lstatSync(join(directory, 'acknowledged.json'))
    expect([uid, gid, mode & 0o777]).toEqual([65534, 65534, 0o600])
  })
})
