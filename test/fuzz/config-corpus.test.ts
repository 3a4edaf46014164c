// Proves that what config-target.ts says of a config.toml holds for each input that the fuzzer left, for the target's own seeds,
// and for changes of them.
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { everyProgram } from '../properties/support.js'
import { check, mutate, seeds, words } from './config-target.js'

const CORPUS = join(import.meta.dirname, 'corpus/config')
const inputs: readonly Uint8Array[] = [...seeds.map((seed) => Buffer.from(seed)), ...readdirSync(CORPUS).sort().map((name) => readFileSync(join(CORPUS, name)))]

const taken = inputs.filter(check)

interface Edit {
  at: number
  removedBytes: number
  inserted: Uint8Array
}

function edited(input: Uint8Array, edits: readonly Edit[]): Uint8Array {
  return edits.reduce<Uint8Array>((bytes, { at, removedBytes, inserted }) => {
    const place = Math.floor(at * (bytes.length + 1))
    return Buffer.concat([bytes.subarray(0, place), inserted, bytes.subarray(place + removedBytes)])
  }, input)
}

describe('a config.toml', () => {
  test('of the corpus is taken or refused; some of them are taken', () => {
    expect(taken.length).toBeGreaterThan(2)
    expect(inputs.length).toBeGreaterThan(taken.length)
  })

  test('that is one of them, changed, is taken or refused', async () => {
    const inserted = fc.oneof(fc.constantFrom(...words).map((word) => Buffer.from(word)), fc.uint8Array({ maxLength: 3 }), fc.constantFrom(...inputs))
    const edit = fc.record({ at: fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }), removedBytes: fc.nat({ max: 4 }), inserted })
    const edits = fc.array(edit, { minLength: 1, maxLength: 4 }).map((each) => (input: Uint8Array) => edited(input, each))
    const settings = fc.array(fc.noBias(fc.nat()), { minLength: 1, maxLength: 3 }).map((randoms) => (input: Uint8Array) => randoms.reduce(mutate, input))
    const changed = fc.tuple(fc.oneof(fc.constantFrom(...inputs), fc.constantFrom(...taken)), fc.oneof(edits, settings))
    let stillTaken = 0
    const isAll = await everyProgram('changed inputs', changed, 10_000, ([input, change]) => {
      stillTaken += check(change(input)) ? 1 : 0
    })
    if (isAll) expect(stillTaken).toBeGreaterThan(0)
  })
})
