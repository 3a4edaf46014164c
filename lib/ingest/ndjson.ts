/** NDJSON, one JSON object a line, to rows. */
import { RowBuilder } from './rows-builder.js'
import { COLUMN_ROLES, findColumn, missingColumn, type ColumnOptions, type ColumnRole } from './rows-columns.js'
import { quoted, rejected, type Line, type RowBatch, type RowReader } from './rows.js'

/** Objects without a column after which the source is said not to have it. */
const MAX_OBJECTS_WITHOUT_COLUMN = 1000
/** Nesting of a field that is kept; deeper ones would end the stack of whoever walks them. */
const MAX_FIELD_DEPTH = 64
const LONE_SURROGATE = /\p{Surrogate}/u

export interface NdjsonOptions extends ColumnOptions {
  /** The source's name, for messages. */
  source: string
  maxUserIdBytes: number
}

type JsonObject = Record<string, unknown>

export class NdjsonRowReader implements RowReader {
  readonly #options: NdjsonOptions
  readonly #builder: RowBuilder
  /** Names found so far. Each is fixed by the first object that has it, since objects need not be alike. */
  readonly #columns: Partial<Record<ColumnRole, string>> = {}
  /** Names that objects had while a column was still looked for. */
  readonly #seenNames = new Set<string>()
  #objects = 0
  #row = 0

  constructor(options: NdjsonOptions) {
    this.#options = options
    this.#builder = new RowBuilder(options.maxUserIdBytes)
  }

  read(lines: readonly Line[]): RowBatch {
    const batch: RowBatch = []
    for (const line of lines) {
      if (typeof line !== 'string') {
        this.#row += 1
        batch.push(rejected(this.#row, line.reason, line.raw))
      } else if (line.trim() !== '') {
        this.#row += 1
        batch.push(this.#rowOf(line))
      }
    }
    if (this.#objects >= MAX_OBJECTS_WITHOUT_COLUMN) this.#checkColumns()
    return batch
  }

  end(): RowBatch {
    if (this.#objects > 0) this.#checkColumns()
    return []
  }

  #rowOf(line: string): RowBatch[number] {
    const value = parseJson(line)
    if (value === undefined) return rejected(this.#row, 'the line is not JSON', line)
    if (typeof value !== 'object' || value === null || Array.isArray(value)) {
      return rejected(this.#row, `the line is not a JSON object but ${quoted(value)}`, line)
    }
    const object = value as JsonObject
    this.#objects += 1
    this.#findColumns(object)
    const { user, time, value: valueName } = this.#columns
    const row = this.#builder.build(this.#row, own(object, user), own(object, time), own(object, valueName), line)
    if ('reason' in row) return row
    const fields = otherFields(object, [user, time, valueName])
    if (fields === undefined) return row
    const problem = fieldsProblem(fields, line)
    if (problem !== undefined) return rejected(this.#row, problem, line)
    row.fields = fields
    return row
  }

  #findColumns(object: JsonObject): void {
    if (this.#missingRole() === undefined) return
    const names = Object.keys(object)
    for (const role of COLUMN_ROLES) {
      const name = this.#columns[role] ?? findColumn(role, this.#options, names)
      if (name !== undefined) this.#columns[role] = name
    }
    if (this.#seenNames.size < MAX_OBJECTS_WITHOUT_COLUMN) for (const name of names) this.#seenNames.add(name)
  }

  #missingRole(): ColumnRole | undefined {
    return COLUMN_ROLES.find((role) => this.#columns[role] === undefined)
  }

  #checkColumns(): void {
    const role = this.#missingRole()
    if (role !== undefined) throw missingColumn(role, this.#options, [...this.#seenNames], this.#options.source)
  }
}

function parseJson(line: string): unknown {
  try {
    return JSON.parse(line)
  } catch (error) {
    if (error instanceof SyntaxError) return undefined
    throw error
  }
}

function own(object: JsonObject, name: string | undefined): unknown {
  return name !== undefined && Object.hasOwn(object, name) ? object[name] : undefined
}

function otherFields(object: JsonObject, columns: readonly (string | undefined)[]): JsonObject | undefined {
  const entries = Object.entries(object).filter(([name]) => !columns.includes(name))
  return entries.length === 0 ? undefined : Object.fromEntries(entries)
}

/** What the log could not give back as it was. `line` is asked first, since escapes are rare. */
function fieldsProblem(fields: JsonObject, line: string): string | undefined {
  const mayHaveLoneSurrogate = /\\u[dD]/.test(line)
  const problemOf = (value: unknown, depth: number): string | undefined => {
    if (typeof value === 'string') {
      const isLone = mayHaveLoneSurrogate && LONE_SURROGATE.test(value)
      return isLone ? `a field has half of a surrogate pair: ${quoted(value)}` : undefined
    }
    if (typeof value !== 'object' || value === null) return undefined
    if (depth > MAX_FIELD_DEPTH) return `a field is nested more than ${MAX_FIELD_DEPTH} levels deep`
    for (const [name, inner] of Object.entries(value)) {
      const problem = problemOf(name, depth + 1) ?? problemOf(inner, depth + 1)
      if (problem !== undefined) return problem
    }
    return undefined
  }
  return problemOf(fields, 0)
}
