/**
 * What the reject file promises: made at the first reject and for its owner only, one JSON line a reject, begun anew
 * with each run, gone after a run without rejects, and a clear error where it cannot be written.
 */
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeEach, expect, test } from 'vitest'
import { RejectFile } from '../../lib/ingest/rejects.js'
import { rejected } from '../../lib/ingest/rows.js'
import { failure, readRows } from './support.js'

const directory = mkdtempSync(join(tmpdir(), 'ingest-rejects-'))
afterAll(() => rmSync(directory, { recursive: true }))

let path = ''
let files = 0
beforeEach(() => {
  files += 1
  path = join(directory, `rejects-${files}.ndjson`)
})

const linesOf = (file: string): unknown[] =>
  readFileSync(file, 'utf8').split('\n').filter((line) => line !== '').map((line) => JSON.parse(line) as unknown)

test('nothing is made before the first reject', async () => {
  const rejects = new RejectFile(path)
  await rejects.write([])
  expect(existsSync(path)).toBe(false)
  await rejects.write([rejected(3, 'why', 'a,b')])
  expect(linesOf(path)).toEqual([{ row: 3, reason: 'why', raw: 'a,b' }])
  expect(statSync(path).mode & 0o777).toBe(0o600)
  await rejects.close()
})

test('every reject of a source is a line, in order, whatever characters it holds', async () => {
  const { rejects: rows } = await readRows(`user,time,value\n${'a,1,x\n,1,1\n"a\nb",1,ü\n'.repeat(3000)}`)
  const rejects = new RejectFile(path)
  for (let at = 0; at < rows.length; at += 700) await rejects.write(rows.slice(at, at + 700))
  expect(rejects.rows).toBe(9000)
  await rejects.close()
  expect(linesOf(path)).toEqual(rows)
  expect(readFileSync(path, 'utf8').endsWith('}\n')).toBe(true)
})

test('a run begins the file anew, also one with fewer rejects, and takes it from others', async () => {
  writeFileSync(path, 'of an earlier run\n'.repeat(100), { mode: 0o644 })
  const rejects = new RejectFile(path)
  await rejects.write([rejected(1, 'why', '')])
  await rejects.finish()
  expect(linesOf(path)).toEqual([{ row: 1, reason: 'why', raw: '' }])
  expect(statSync(path).mode & 0o777).toBe(0o600)
})

test('a finished run without rejects leaves no file of an earlier one; one that was only closed does', async () => {
  writeFileSync(path, '{}\n')
  await new RejectFile(path).close()
  expect(existsSync(path)).toBe(true)
  await new RejectFile(path).finish()
  expect(existsSync(path)).toBe(false)
  await new RejectFile(path).finish()
})

test('finishing without rejects removes a regular file only', async () => {
  const target = join(directory, 'target')
  writeFileSync(target, 'kept')
  symlinkSync(target, path)
  await new RejectFile(path).finish()
  expect(readFileSync(path, 'utf8')).toBe('kept')
})

test('a device is written to and keeps its mode', async () => {
  const before = statSync('/dev/null').mode
  const rejects = new RejectFile('/dev/null')
  await rejects.write([rejected(1, 'why', '')])
  await rejects.finish()
  expect(statSync('/dev/null').mode).toBe(before)
})

test('closing twice, and after a failure, is allowed', async () => {
  const rejects = new RejectFile(path)
  await rejects.write([rejected(1, 'why', '')])
  await rejects.close()
  await rejects.close()
  expect(linesOf(path)).toHaveLength(1)
})

test('a path that cannot be written is named', async () => {
  mkdirSync(path)
  const rows = [rejected(1, 'why', '')]
  const expected = failure('ERR_WAL_SOURCE', `the reject file ${path} cannot be written`)
  await expect(new RejectFile(path).write(rows)).rejects.toMatchObject(expected)
  const inside = join(path, 'absent', 'file')
  await expect(new RejectFile(inside).write(rows)).rejects.toMatchObject({ code: 'ERR_WAL_SOURCE' })
})

test('a full disk is told, by write or at the latest by close', async () => {
  const rejects = new RejectFile('/dev/full')
  await expect(async () => {
    await rejects.write([rejected(1, 'why', '')])
    await rejects.close()
  }).rejects.toMatchObject(failure('ERR_WAL_SOURCE', 'ENOSPC'))
  await rejects.close()
})
