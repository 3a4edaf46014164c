/**
 * Proves that `report` leaves one whole file for its owner and nothing else, replaces none by accident, and answers as
 * `verify` does. (That it changes nothing in any log is in read-only.test.ts.)
 */
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { writeNewFile } from '../../lib/cli/new-file.js'
import { feed, withFilter } from '../report/support.js'
import { runCli } from '../support/command-line.js'
import { flipBit } from '../support/damage.js'
import { closedLog, fingerprint, segmentFiles } from '../support/logs.js'
import { temporaryDirectories } from '../support/temporary-directory.js'

const newDirectory = temporaryDirectories()

async function newLog(): Promise<string> {
  const directory = newDirectory()
  await closedLog(directory, (recorder) => recorder.measurements(100))
  return directory
}

describe('the file', () => {
  it('is a whole page that its owner alone may read, and nothing is left beside it', async () => {
    const folder = newDirectory()
    const file = join(folder, 'report.html')
    const { code, stdout, stderr } = await runCli(['report', await newLog(), '--html', file])
    expect({ code, stdout }).toEqual({ code: 0, stdout: '' })
    expect(stderr).toMatch(/report\.html": 100 entries, 1 segment, clean\n$/)
    expect(statSync(file).mode & 0o777).toBe(0o600)
    expect(readFileSync(file, 'utf8')).toMatch(/^<!doctype html>[^]*<\/html>\n$/)
    expect(readdirSync(folder)).toEqual(['report.html'])
  })

  it('is not written over another one, unless --force says so', async () => {
    const log = await newLog()
    const folder = newDirectory()
    const file = join(folder, 'report.html')
    writeFileSync(file, 'mine', { mode: 0o644 })
    const refused = await runCli(['report', log, '--html', file])
    expect([refused.code, readFileSync(file, 'utf8')]).toEqual([2, 'mine'])
    expect(refused.stderr).toMatch(/is there already; allowed: another name, or --force/)
    expect((await runCli(['report', log, '--html', file, '--force'])).code).toBe(0)
    expect([statSync(file).mode & 0o777, readdirSync(folder)]).toEqual([0o600, ['report.html']])
  })

  it('is not written over one that came meanwhile, nor through a link', async () => {
    const folder = newDirectory()
    writeFileSync(join(folder, 'taken'), 'mine')
    symlinkSync(join(folder, 'target'), join(folder, 'link'))
    for (const name of ['taken', 'link']) {
      await expect(writeNewFile(join(folder, name), 'page', { force: false })).rejects.toMatchObject({ code: 'ERR_WAL_INVALID_ARGUMENT' })
    }
    await writeNewFile(join(folder, 'link'), 'page', { force: true })
    expect([existsSync(join(folder, 'target')), readFileSync(join(folder, 'link'), 'utf8')]).toEqual([false, 'page'])
    expect(readdirSync(folder).sort()).toEqual(['link', 'taken'])
  })

  it('is not put among the files of the log, by no way there', async () => {
    const log = await newLog()
    const way = join(newDirectory(), 'way')
    symlinkSync(log, way)
    mkdirSync(join(log, 'quarantine'))
    const before = fingerprint(log)
    for (const file of [join(log, 'report.html'), join(way, 'report.html'), join(log, 'quarantine', 'report.html')]) {
      const { code, stderr } = await runCli(['report', log, '--html', file])
      expect(code).toBe(2)
      expect(stderr).toMatch(/would lie in the directory of the log/)
    }
    expect(fingerprint(log)).toEqual(before)
  })

  it('cannot be written: an error with a name, and nothing is left', async () => {
    const folder = newDirectory()
    const { code, stderr } = await runCli(['report', await newLog(), '--html', join(folder, 'nowhere', 'report.html')])
    expect(code).toBe(3)
    expect(stderr).toMatch(/cannot be written: .*ENOENT.*\(ERR_WAL_IO\)/)
    mkdirSync(join(folder, 'taken'))
    await expect(writeNewFile(join(folder, 'taken'), 'page', { force: true })).rejects.toMatchObject({ code: 'ERR_WAL_IO' })
    expect(readdirSync(folder)).toEqual(['taken'])
  })
})

describe('the log', () => {
  it('stays as it is, damaged: exit code 1', async () => {
    const log = await newLog()
    flipBit(join(log, segmentFiles(log)[0] as string), 8192 + 48 + 60)
    const before = fingerprint(log)
    const { code, stderr } = await runCli(['report', log, '--html', join(newDirectory(), 'report.html')])
    expect([code, fingerprint(log)]).toEqual([1, before])
    expect(stderr).toMatch(/^corruption: damaged in 1 place;/)
  })

  it('is not there: exit code 3, and no file', async () => {
    const folder = newDirectory()
    const { code } = await runCli(['report', join(folder, 'no-log'), '--html', join(folder, 'report.html')])
    expect([code, readdirSync(folder)]).toEqual([3, []])
  })
})

describe('--user', () => {
  it('shows those users and no others, and tells who is not there', async () => {
    const log = newDirectory()
    await withFilter(log, async (service) => {
      for (const userId of ['ann', 'bob', 'cid']) await feed(service, userId, 3)
    })
    const file = join(newDirectory(), 'report.html')
    const { code, stderr } = await runCli(['report', log, '--html', file, '--user', 'bob', '--user', 'dan'])
    expect(code).toBe(0)
    expect(stderr).toMatch(/^warning: 1 user is not in this log\n/)
    const headings = [...readFileSync(file, 'utf8').matchAll(/<h3 id="user-\d+"><span class="id">(.*?)<\/span>/g)].map(([, name]) => name)
    expect(headings).toEqual(['bob'])
  })
})

it('needs to know where', async () => {
  const { code, stderr } = await runCli(['report', newDirectory()])
  expect(code).toBe(2)
  expect(stderr).toMatch(/required option '--html <file>'/)
})
