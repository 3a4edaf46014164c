/** Option values of the command line, checked; what is wrong is named with what is allowed. */
import { InvalidArgumentError } from 'commander'
import { Operation, type OperationName } from '../index.js'

const UNIT_MS = { s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const

/** A whole number of at least `least`. */
export function wholeNumber(least: number): (text: string) => number {
  return (text) => {
    const value = Number(text)
    if (/^\d+$/.test(text) && Number.isSafeInteger(value) && value >= least) return value
    throw new InvalidArgumentError(`Allowed: a whole number from ${least} to ${Number.MAX_SAFE_INTEGER}.`)
  }
}

/** A number in decimals, from `least` to `most`. */
export function numberBetween(least: number, most: number): (text: string) => number {
  return (text) => {
    const value = Number(text)
    if (/^\d+(\.\d+)?$/.test(text) && value >= least && value <= most) return value
    throw new InvalidArgumentError(`Allowed: a number from ${least} to ${most}.`)
  }
}

/** Operations by name, case and hyphens aside; several with commas or by giving the option again. */
export function operationList(text: string, previous: readonly Operation[] = []): Operation[] {
  return [...previous, ...text.split(',').map(operationOf)]
}

function operationOf(text: string): Operation {
  const name = text.trim().toUpperCase().replaceAll('-', '_')
  if (Object.hasOwn(Operation, name)) return Operation[name as OperationName]
  throw new InvalidArgumentError(`Allowed: ${Object.keys(Operation).join(', ')}.`)
}

/** A moment in milliseconds since the epoch: ISO 8601, epoch milliseconds, or an age such as 90s, 15m, 2h, 7d. */
export function moment(nowMs: () => number): (text: string) => number {
  return (text) => {
    const age = /^(\d+)([smhd])$/.exec(text)
    if (age !== null) return nowMs() - Number(age[1]) * UNIT_MS[age[2] as keyof typeof UNIT_MS]
    if (/^\d{1,15}$/.test(text) && text.length > 4) return Number(text)
    const parsed = /^\d{4}(-\d{2}(-\d{2}(T.*)?)?)?$/.test(text) ? Date.parse(text) : Number.NaN
    if (!Number.isNaN(parsed)) return parsed
    throw new InvalidArgumentError('Allowed: ISO 8601 (2026-01-31T10:00:00Z), epoch milliseconds, or an age (90s, 15m, 2h, 7d).')
  }
}
