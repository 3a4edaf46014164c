/**
 * Proves, in a real browser, that the page shows a damaged log: a cell for each segment, damage where it is, plots; that it asks
 * for nothing, complains of nothing, fits narrow and wide screens, light and dark, and can be used from the keyboard.
 */
import { rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { chromium, type Browser, type Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { scanLog } from '../../lib/index.js'
import { collectReport, reportPage, type LogReport } from '../../lib/report/index.js'
import { compressSegment } from '../../lib/maintenance/compression.js'
import { segmentName } from '../../lib/maintenance/files.js'
import { chromiumPath } from '../support/chromium.js'
import { flipBit } from '../support/damage.js'
import { withoutSanitizer } from '../support/sanitizer.js'
import { temporaryDirectories } from '../support/temporary-directory.js'
import { feed, UNREADABLE, withFilter } from './support.js'

const newDirectory = temporaryDirectories()
const executablePath = chromiumPath()
if (executablePath === undefined) console.log('the report was not looked at in a browser: there is no Chromium here')

const HOSTILE = '</script><script>document.title="owned"</script><img src=https://example.invalid/x>'
const LONG = 'x'.repeat(3000)

/** A log with a checkpoint, a compressed, a damaged and, behind that, a missing segment, and users of all kinds. */
async function mixedLog(): Promise<{ directory: string; hurt: number }> {
  const directory = newDirectory()
  await withFilter(directory, async (service) => {
    await feed(service, 'ann', 1503)
    await service.wal.checkpoint()
    await feed(service, HOSTILE, 12)
    await feed(service, 'parked', 5, 0, () => UNREADABLE)
    await service.manager.replay('parked')
    await feed(service, LONG, 3)
    await feed(service, 'bob', 3003)
  })
  const { checkpoints } = await scanLog(directory)
  const covered = checkpoints[0]?.coveredSegment ?? 0
  await compressSegment({ directory, segment: 1, retire: () => rmSync(join(directory, segmentName(1))) })
  flipBit(join(directory, segmentName(covered + 1)), 30_000)
  rmSync(join(directory, segmentName(covered + 2)))
  return { directory, hurt: covered + 1 }
}

describe('the page in a browser', () => {
  let report: LogReport
  let hurt: number
  let browser: Browser
  let page: Page
  const requests: string[] = []
  const failures: unknown[] = []
  const complaints: string[] = []

  beforeAll(async () => {
    if (executablePath === undefined) return
    const log = await mixedLog()
    hurt = log.hurt
    report = await collectReport(log.directory)
    const file = join(newDirectory(), 'report.html')
    writeFileSync(file, reportPage(report))
    browser = await chromium.launch({ executablePath, args: ['--no-sandbox'], env: withoutSanitizer() })
    page = await browser.newPage({ viewport: { width: 1280, height: 900 } })
    page.on('request', (request) => requests.push(request.url()))
    page.on('requestfailed', (request) => failures.push([request.url(), request.failure()?.errorText]))
    page.on('console', (message) => complaints.push(message.text()))
    page.on('pageerror', (error) => complaints.push(String(error)))
    await page.goto(pathToFileURL(file).href)
  })
  afterAll(() => browser?.close())

  it('shows a cell for each segment, and the missing one', async () => {
    if (executablePath === undefined) return
    const labels = await page.evaluate<string[]>(`[...document.querySelectorAll('.cell > a')].map((cell) => cell.getAttribute('aria-label'))`)
    expect(labels).toHaveLength(report.scan.segments.length + 1)
    expect(labels[0]).toBe('Segment 1: compressed')
    expect(labels[hurt - 1]).toMatch(new RegExp(`^Segment ${hurt}: .*, damaged in 1 place$`))
    expect(labels[hurt]).toBe(`Segment ${hurt + 1}: missing, damaged in 1 place`)
    expect(await page.locator('.cell.covered .base').count()).toBe(report.scan.segments.filter(({ covered }) => covered).length)
  })

  it('shows damage in its cell, at its place', async () => {
    if (executablePath === undefined) return
    const { offset } = report.scan.damage[0] as { offset: number }
    const cell = (await page.locator(`.cell:nth-child(${hurt}) svg`).boundingBox()) as { x: number; width: number }
    const mark = (await page.locator(`.cell:nth-child(${hurt}) rect.damage`).boundingBox()) as { x: number; width: number }
    const place = (mark.x - cell.x) / cell.width
    expect(Math.abs(place - offset / (report.scan.segments[hurt - 1]?.fileBytes ?? 0))).toBeLessThan(0.05)
    expect(mark.width).toBeGreaterThanOrEqual(2)
    expect(await page.locator('#damage tbody tr').count()).toBe(report.scan.damage.length)
  })

  it('shows plots with something in them', async () => {
    if (executablePath === undefined) return
    for (const shape of ['.bars.all', '.bars.bytes', '.user .points', '.user .points.waiting', '.user path.estimate', '.user .band', '.user .mark', '.lsn-line rect']) {
      const boxes = await Promise.all((await page.locator(shape).all()).map((each) => each.boundingBox()))
      expect({ shape, drawn: boxes.some((box) => box !== null && box.width + box.height > 20) }).toEqual({ shape, drawn: true })
    }
    expect(await page.locator('article.user').count()).toBe(report.users.length)
  })

  it.each([360, 768, 1280, 2200])('fits %i pixels, light and dark', async (width) => {
    if (executablePath === undefined) return
    await page.setViewportSize({ width, height: 900 })
    const grounds: string[] = []
    for (const colorScheme of ['light', 'dark'] as const) {
      await page.emulateMedia({ colorScheme })
      expect(await page.evaluate('document.documentElement.scrollWidth <= innerWidth')).toBe(true)
      grounds.push(await page.evaluate<string>('getComputedStyle(document.body).backgroundColor'))
    }
    expect(grounds).toEqual(['rgb(251, 251, 249)', 'rgb(20, 23, 27)'])
  })

  it('tells of a cell that is stepped to, and leads to its row', async () => {
    if (executablePath === undefined) return
    await page.locator('nav a').last().focus()
    for (let step = 0; step < hurt; step++) await page.keyboard.press('Tab')
    const note = page.locator(`.cell:nth-child(${hurt}) .note`)
    expect(await note.isVisible()).toBe(true)
    expect(await note.textContent()).toContain('damaged in 1 place')
    expect(await page.locator('.note:visible').count()).toBe(1)
    await page.locator('.cell:nth-child(2) > a').press('Enter')
    expect(await page.locator('tr:target td').first().textContent()).toBe(segmentName(2))
  })

  it('prints on paper without what is for pointing', async () => {
    if (executablePath === undefined) return
    await page.emulateMedia({ media: 'print', colorScheme: 'light' })
    expect(await page.locator('nav').isVisible()).toBe(false)
    expect((await page.pdf({ format: 'A4' })).length).toBeGreaterThan(10_000)
    await page.emulateMedia({ media: 'screen' })
  })

  // The last: of everything that was done above.
  it('asks for nothing, complains of nothing, and is nobody else’s', async () => {
    if (executablePath === undefined) return
    expect(requests).toEqual([page.url().replace(/#.*/, '')])
    expect(complaints).toEqual([])
    expect(await page.title()).toMatch(/: damaged – ingest-wal report$/)
    expect(await page.locator('script, img, iframe, link').count()).toBe(0)
    // What is planted here shows that the page's policy holds, and that this test would have seen it.
    await page.evaluate(`document.body.append(Object.assign(new Image(), { src: 'https://example.invalid/planted.png' }))`)
    await expect.poll(() => complaints.filter((text) => text.includes('Content Security Policy')).length).toBeGreaterThan(0)
    expect(failures).toEqual([['https://example.invalid/planted.png', 'csp']])
  })
})
