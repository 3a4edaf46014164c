/** The integer constants and enumerators that a C++ source of the core declares, evaluated. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'

const LARGEST: Readonly<Record<string, bigint>> = { UINT32_MAX: 2n ** 32n - 1n }

/** Text of a file of native/core, comments left out. */
export function coreSource(name: string): string {
  return readFileSync(join(import.meta.dirname, '../../native/core', name), 'utf8').replace(/\/\/.*$/gm, '')
}

/** Every constant and enumerator of `source`, by its name within namespace ingest_wal; `known` are those of its includes. */
export function declaredConstants(source: string, known: Readonly<Record<string, bigint>> = {}): Record<string, bigint> {
  const declared: Record<string, bigint> = {}
  let scope = ''
  const resolve = (name: string): bigint => {
    const value = declared[scope + name] ?? declared[name] ?? known[name] ?? LARGEST[name]
    if (value === undefined) throw new Error(`${name} is not declared before it is used`)
    return value
  }
  const pattern = /namespace (\w*) ?\{|^\}|enum class (\w+) : \w+ \{([^}]*)\}|constexpr \w+ (k\w+) =\s*([^;]+);/gm
  for (const [whole, namespace, enumeration, enumerators, name, expression] of source.matchAll(pattern)) {
    if (namespace !== undefined) scope = namespace === 'ingest_wal' || namespace === '' ? '' : `${namespace}::`
    else if (whole === '}') scope = ''
    else if (enumeration === undefined) declared[`${scope}${name}`] = evaluate(expression as string, resolve)
    else {
      for (const [, enumerator, value] of (enumerators as string).matchAll(/(k\w+) = (\d+)/g)) {
        declared[`${enumeration}::${enumerator}`] = BigInt(value as string)
      }
    }
  }
  return declared
}

type Operators = Record<string, (a: bigint, b: bigint) => bigint>

/** The value of an integer expression: + - * <<, brackets, names, EntryRecordBytes(a, b). */
function evaluate(expression: string, resolve: (name: string) => bigint): bigint {
  const text = expression.replace(/static_cast<\w+>/g, '').replace(/\b(?:size_t|u?int\d+_t)\{(\w+)\}/g, '$1')
  const tokens = text.match(/0x[0-9a-f]+|\d+|[A-Za-z_][\w:]*|<<|[-+*(),]/gi) ?? []
  let next = 0
  const primary = (): bigint => {
    const token = tokens[next++] as string
    if (/^\d/.test(token)) return BigInt(token)
    if (token === 'EntryRecordBytes') {
      const [userIdBytes = 0n, payloadBytes = 0n] = bracketed()
      return ((44n + userIdBytes + 1n + payloadBytes + 4n + 7n) / 8n) * 8n
    }
    if (token !== '(') return resolve(token)
    next--
    return bracketed()[0] as bigint
  }
  const bracketed = (): bigint[] => {
    const values: bigint[] = []
    do {
      next++
      values.push(shift())
    } while (tokens[next] === ',')
    next++
    return values
  }
  const chain = (operand: () => bigint, operators: Operators) => (): bigint => {
    let value = operand()
    for (let operator = operators[tokens[next] ?? '']; operator !== undefined; operator = operators[tokens[next] ?? '']) {
      next++
      value = operator(value, operand())
    }
    return value
  }
  const product = chain(primary, { '*': (a, b) => a * b })
  const sum = chain(product, { '+': (a, b) => a + b, '-': (a, b) => a - b })
  const shift = chain(sum, { '<<': (a, b) => a << b })
  return shift()
}
