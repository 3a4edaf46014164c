/** Which column of a source is which: names given by option, else the usual ones. */
import { WalError } from '../errors.js'

export interface ColumnOptions {
  /** Exact name of the column with the user; else the first of the usual names that the source has. */
  userColumn?: string
  timeColumn?: string
  valueColumn?: string
}

export type ColumnRole = 'user' | 'time' | 'value'

export const COLUMN_ROLES = ['user', 'time', 'value'] as const

/** Names that are tried, in this order and in any case, when none is given. */
export const USUAL_COLUMN_NAMES: Readonly<Record<ColumnRole, readonly string[]>> = Object.freeze({
  user: ['user', 'userid', 'user_id', 'id'],
  time: ['time', 'timestamp', 'reporttime', 'date', 'datetime', 'ts'],
  value: ['value', 'reading', 'weightkg']
})

const OPTION_OF_ROLE = { user: 'userColumn', time: 'timeColumn', value: 'valueColumn' } as const
/** Column names that a message lists. */
const MAX_LISTED_COLUMNS = 30

/** The name of the column for `role` among `names`; undefined when it is not there. */
export function findColumn(role: ColumnRole, options: ColumnOptions, names: readonly string[]): string | undefined {
  const given = options[OPTION_OF_ROLE[role]]
  if (given !== undefined) return names.includes(given) ? given : undefined
  for (const usual of USUAL_COLUMN_NAMES[role]) {
    const found = names.find((name) => name.toLowerCase() === usual)
    if (found !== undefined) return found
  }
  return undefined
}

/** What to tell of a column that is not there. `hint` is appended. */
export function missingColumn(
  role: ColumnRole,
  options: ColumnOptions,
  names: readonly string[],
  source: string,
  hint = ''
): WalError {
  const given = options[OPTION_OF_ROLE[role]]
  const wanted = given === undefined ? `one of ${USUAL_COLUMN_NAMES[role].join(', ')}` : JSON.stringify(given)
  const more = names.length > MAX_LISTED_COLUMNS ? `, and ${names.length - MAX_LISTED_COLUMNS} more` : ''
  const has = names.slice(0, MAX_LISTED_COLUMNS).map((name) => JSON.stringify(name)).join(', ')
  const columns = names.length === 0 ? 'no columns' : `${has}${more}`
  const problem = `has no ${role} column: asked for ${wanted}; it has ${columns}${hint}`
  return new WalError('ERR_WAL_SOURCE', `${source} ${problem}`)
}
