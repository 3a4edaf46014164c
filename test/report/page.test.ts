/**
 * Proves that whatever is in a log is text on the page, that the page may load, run and send nothing, and that it says what it
 * shows and what it does not.
 */
import { createHash } from 'node:crypto'
import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { beforeAll, describe, expect, it } from 'vitest'
import { Operation } from '../../lib/index.js'
import { collectReport, reportPage, type LogReport } from '../../lib/report/index.js'
import { segmentName } from '../../lib/maintenance/files.js'
import { html, userName } from '../../lib/report/html.js'
import { flipBit } from '../support/damage.js'
import { closedLog } from '../support/logs.js'
import { temporaryDirectories } from '../support/temporary-directory.js'
import { feed, UNREADABLE, withFilter } from './support.js'

const newDirectory = temporaryDirectories()
const HOSTILE = ['</script><script>alert(1)</script>', '"><img src=x onerror=alert(1)>', '--><b>', "' onfocus=alert(1) '", '\u001b[31mred\u2028\u202etxt', '__proto__', '&lt;', 'a\\b', '\u0000', '</style><style>*{display:none}']

function visibleTextOf(page: string): string {
  return page.replace(/<style>.*?<\/style>/s, '').replace(/<[^>]*>/g, '\n')
}

/** Attributes that would load or run something. Values are in double quotes, which text cannot have. */
const ACTIVE = /\s(on\w+|src|srcset|action|formaction|style|xlink:href)=(?=(?:[^"]*"[^"]*")*[^"]*$)/gi

function tagsOf(page: string): string[] {
  return page.match(/<[^>]*>/g) ?? []
}

describe('a log full of markup', () => {
  let page: string
  beforeAll(async () => {
    const directory = newDirectory()
    await withFilter(directory, async (service) => {
      for (const userId of HOSTILE) await feed(service, userId, 3)
      await feed(service, '<i>parked</i>', 5, 0, () => UNREADABLE)
      await service.manager.replay('<i>parked</i>')
    })
    page = reportPage(await collectReport(directory))
  })

  it('is text: no element of it is in the page', () => {
    const names = new Set([...page.matchAll(/<([a-zA-Z][a-zA-Z0-9]*)/g)].map(([, name]) => name))
    const allowed = 'a article b body caption code dd details div dl dt figure footer h1 h2 h3 head header html i li main meta nav ol p path rect section span strong style summary svg table tbody td th thead title tr ul'
    expect([...names].filter((name) => !allowed.split(' ').includes(name as string))).toEqual([])
    expect(tagsOf(page).flatMap((tag) => tag.match(ACTIVE) ?? [])).toEqual([])
    expect(page.match(/<style>/g)).toHaveLength(1)
  })

  it('is shown as it is, with what cannot be seen written out', () => {
    const text = visibleTextOf(page)
    for (const shown of ['&lt;/script&gt;&lt;script&gt;alert(1)&lt;/script&gt;', '\\u001b[31mred\\u2028\\u202etxt', '__proto__', '&amp;lt;', 'a\\\\b', '\\u0000', '&lt;i&gt;parked&lt;/i&gt;']) {
      expect(text).toContain(`\n${shown}\n`)
    }
    expect(page).not.toMatch(/[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u200b-\u200f\u2028-\u202e]/)
  })

  it('may load, run and send nothing', () => {
    const style = /<style>(.*?)<\/style>/s.exec(page)?.[1] as string
    const hash = createHash('sha256').update(style).digest('base64')
    expect(page).toContain(`<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'sha256-${hash}'; base-uri 'none'; form-action 'none'">`)
    expect(style).not.toMatch(/url\(|@import|</)
    expect(tagsOf(page).filter((tag) => /href="[^#]|https?:/.test(tag))).toEqual([])
  })
})

describe('what the page says', () => {
  it('of a clean log', async () => {
    const directory = newDirectory()
    await withFilter(directory, (service) => feed(service, 'ann', 12))
    const text = visibleTextOf(reportPage(await collectReport(directory)))
    for (const said of ['Clean.', 'No damage was found.', 'no writer is running', 'There is no checkpoint', 'None: every buffer is proven whole.', '1 open, 0 ready']) expect(text).toContain(said)
    expect(text).not.toMatch(/NaN|undefined|\[object|null/)
  })

  it('of a damaged one: kind, place, bytes, entries, users', async () => {
    const directory = newDirectory()
    await closedLog(directory, (recorder) => recorder.measurements(3000, 100), { segmentBytes: 65_536 })
    flipBit(join(directory, segmentName(1)), 8192 + 48 + 60)
    rmSync(join(directory, segmentName(2)))
    const report = await collectReport(directory)
    const page = reportPage(report)
    const text = visibleTextOf(page)
    expect(text).toContain('Damaged.')
    for (const { kind, users } of report.scan.damage) for (const said of [kind, ...users]) expect(text).toContain(`\n${said}\n`)
    expect(page).toMatch(/<li class="cell missing hurt"><a href="#damage" aria-label="Segment 2: missing, damaged in 1 place">/)
    expect(page.match(/<rect class="damage" x/g)).toHaveLength(3)
  })

  it('of what it leaves out: users, buffers, measurements, damage, segments', () => {
    const report = crowded()
    const text = visibleTextOf(reportPage(report))
    for (const said of ['1,234 more users have', '300 more places are', '1,649 sound segments are', '7 earlier measurements left out', '9 earlier marks left out', '42 more are', '99 buffers are']) expect(text).toContain(said)
    for (const said of ['One cell is 2 neighbouring segments', 'Not in this log:']) expect(text).toContain(said)
  })

  it('of syncs, where a writer shows them', () => {
    const syncs = { bounds: [0.001, 0.002, 0.004, 0.008], counts: [0, 75, 20, 4, 1], sum: 0.2, count: 100 }
    const text = visibleTextOf(reportPage({ ...crowded(), syncs: { durations: syncs, beganMs: 0 } }))
    expect(text).toMatch(/100 syncs: half took at most 1\.67 ms, 99 in 100 at most 8 ms/)
    for (const said of ['≤ 2 ms', '75.0 %', 'more', '1.0 %']) expect(text).toContain(`\n${said}\n`)
    expect(text).toContain('Counted by the running writer since 1970-01-01 00:00:00 UTC')
    const none = { durations: { ...syncs, counts: [0, 0, 0, 0, 0], count: 0, sum: 0 }, beganMs: 0 }
    expect(visibleTextOf(reportPage({ ...crowded(), syncs: none }))).toContain('has not synced yet')
  })
})

/** More of everything than a page has room for. */
function crowded(): LogReport {
  const segment = { state: 'sealed' as const, fileBytes: 10, endOffset: 10, entries: 1, batches: 1, firstTimestamp: 0, lastTimestamp: 0, covered: false }
  const damage = { kind: 'entry', segment: 1, file: '1.wal', offset: 0, endOffset: 1, firstLsn: 1, lastLsn: 1, previousLsn: 0, users: [], detail: '' }
  const point = { ms: 1, value: 1, buffer: 1, waiting: false, estimate: NaN, variance: NaN }
  const waiting = { userId: 'ann', buffer: 1, state: 'open' as const, measurements: 1, attempts: 0, windowStart: 0, windowEnd: Infinity, tainted: false }
  return {
    ...{ path: 'data/wal', createdMs: 0, verdict: 'damaged', syncs: null, durations: { scan: 1, recovery: 1, history: 1 } },
    scan: {
      ...{ logId: '00', formatVersion: 3, checkpoints: [], tornTail: null, lastLsn: 2000, provenLsn: 0, entries: 0, bytes: 0, live: true },
      segments: Array.from({ length: 1800 }, (_, index) => ({ ...segment, number: index + 1, file: `${index + 1}.wal`, firstLsn: index + 1, lastLsn: index + 1 })),
      damage: Array.from({ length: 800 }, () => damage),
      ring: { found: true, firstLsn: 0, lastLsn: 0, entries: 0 }
    },
    activity: {
      ...{ entries: 1, operations: { START_BUFFER: 0, ADD_MEASUREMENT: 1, END_BUFFER: 0, CHECKPOINT: 0, COMMIT: 0, ROLLBACK: 0 }, payloadBytes: 1, users: 1 },
      ...{ firstMs: 0, lastMs: 0, stepsBack: 2, bucketMs: 1, buckets: [{ startMs: 0, operations: [0, 0, 1, 0, 0, 0, 0], payloadBytes: 1 }] }
    },
    recovery: {
      ...{ failure: undefined, entries: 1, otherEntries: 0, lastLsn: 1, users: 1, measurements: 1, buffers: { open: 100, ready: 0, replaying: 0, parked: 0 } },
      ...{ waiting: [waiting], tainted: [{ userId: 'ann', buffer: 1, lost: 1, reason: 'unproven' }], taintedLeftOut: 42 }
    },
    users: [
      {
        ...{ userId: 'ann', waiting: [waiting], taints: [], replayed: 0, stateKind: 'none', state: undefined, points: [point], pointsLeftOut: 7 },
        ...{ withoutNumber: 0, agreeing: 0, differing: 0, marks: [], marksLeftOut: 9 }
      }
    ],
    usersLeftOut: { users: 1234, measurements: 5678, unknown: ['nobody'] }
  }
}

describe('markup', () => {
  it('escapes what is filled in, once, and takes markup as it is', () => {
    expect(html`<p title="${'"<&\'>'}">${html`<b>${'<'}</b>`}${['a', html`<i></i>`]}${null}${undefined}${false}${0}</p>`.text).toBe(
      '<p title="&quot;&lt;&amp;&#39;&gt;"><b>&lt;</b>a<i></i>0</p>'
    )
  })

  it('shows halves of surrogate pairs, and ids that are too long or empty', () => {
    expect(html`${'\ud800x\udc00'}`.text).toBe('\\ud800x\\udc00')
    expect(html`${'😀'}`.text).toBe('😀')
    expect(userName(`${'😀'.repeat(60)}x`).text).toBe(`<span class="id">${'😀'.repeat(60)}… (121 characters)</span>`)
    expect(userName(`a${'😀'.repeat(60)}`).text).toBe(`<span class="id">a${'😀'.repeat(59)}… (121 characters)</span>`)
    expect(userName('').text).toBe('<span class="id">(empty)</span>')
  })
})

it('an operation that the log does not have yet has no strip', async () => {
  const directory = newDirectory()
  await closedLog(directory, (recorder) => void recorder.append(Operation.COMMIT, 'own', 'x'))
  const page = reportPage(await collectReport(directory))
  expect(page).toContain('<b>COMMIT</b>')
  expect(page).not.toContain('<b>ROLLBACK</b>')
})
