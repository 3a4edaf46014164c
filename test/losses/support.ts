/** Logs with losses, and what is beside them. */
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { readLog, Wal, type Damage, type Loss, type WalOptions } from '../../lib/index.js'
import { flipBit } from '../support/damage.js'
import { closedLog } from '../support/logs.js'

export const FIRST = '0000000000000001.wal'
const SMALL = { segmentBytes: 65_536, queueBytes: 65_536, maintenance: false }

export function openSmall(directory: string, options: Partial<WalOptions> = {}): Promise<Wal> {
  return Wal.open({ directory, ...SMALL, ...options })
}

/** 50 entries of five users, of which the payload of `lsn` is damaged. */
export async function damagedLog(directory: string, lsn = 23): Promise<void> {
  await closedLog(directory, (recorder) => recorder.measurements(50, 10), SMALL)
  await damageEntry(directory, lsn)
}

export async function damageEntry(directory: string, lsn: number): Promise<void> {
  flipBit(join(directory, FIRST), (await offsetOf(directory, lsn)) + 32)
}

async function offsetOf(directory: string, lsn: number): Promise<number> {
  for await (const { offset } of readLog(directory, { fromLsn: lsn })) return offset
  throw new Error(`LSN ${lsn} is not in ${directory}`)
}

export function lossesOf(directory: string): Loss[] {
  const path = join(directory, 'losses.json')
  return existsSync(path) ? (JSON.parse(readFileSync(path, 'utf8')) as { losses: Loss[] }).losses : []
}

/** Opens the log, asks, and closes it. */
export async function inLog<Result>(directory: string, ask: (wal: Wal) => Result | Promise<Result>, options: Partial<WalOptions> = {}): Promise<Result> {
  const wal = await openSmall(directory, options)
  try {
    return await ask(wal)
  } finally {
    await wal.close()
  }
}

export const healthIn = (directory: string): Promise<ReturnType<Wal['health']>> => inLog(directory, (wal) => wal.health())

export function damageOf(overrides: Partial<Damage> = {}): Damage {
  return { kind: 'entry', segment: 1, file: FIRST, offset: 8960, endOffset: 9032, firstLsn: 11, lastLsn: 12, previousLsn: 10, users: ['user-4'], detail: '', ...overrides }
}

/** Resolves when `look` says so; rejects when it has not for a long time. */
export async function until(look: () => boolean): Promise<void> {
  for (let looks = 0; !look(); looks++) {
    if (looks === 400) throw new Error('it did not come')
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
}
