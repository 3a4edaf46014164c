/** Proves that no byte of a log reaches a terminal as a command, and that what is escaped can be read back. */
import { describe, expect, it } from 'vitest'
import { csvField, cutTo, escapeText, payloadText, safeJson } from '../../lib/cli/escape.js'

const CONTROLS = [...Array(0x20).keys(), ...Array.from({ length: 0x21 }, (_, index) => 0x7f + index)]
const TURNING_MARKS = [0x200b, 0x200e, 0x200f, 0x2028, 0x2029, 0x202a, 0x202e, 0x2066, 0x2069, 0xfeff]
const UNSAFE = [...CONTROLS, ...TURNING_MARKS].map((code) => String.fromCharCode(code))

describe('escapeText', () => {
  it.each(UNSAFE.map((character) => [character.charCodeAt(0).toString(16), character]))('U+%s becomes printable ASCII', (_, character) => {
    expect(escapeText(`a${character}b`)).toMatch(/^a\\[\x20-\x7e]+b$/)
  })

  it('is what JSON reads back, whatever the text', () => {
    const text = `${UNSAFE.join('')}\\ \\n é 漢 😀`
    expect(JSON.parse(`"${escapeText(text)}"`)).toBe(text)
  })

  it('leaves letters of all scripts as they are', () => {
    expect(escapeText('Ünïcode 漢字 😀 עברית')).toBe('Ünïcode 漢字 😀 עברית')
  })

  it('tells a backslash from an escape', () => {
    expect(escapeText('\\n')).toBe('\\\\n')
    expect(escapeText('\n')).toBe('\\n')
  })
})

describe('safeJson', () => {
  it('holds no control character, and parses to the same value', () => {
    const value = { user: UNSAFE.join('x'), 'a\u009bkey': '\u202e' }
    const text = safeJson(value)
    for (const character of UNSAFE) expect(text).not.toContain(character)
    expect(JSON.parse(text)).toEqual(value)
  })
})

describe('payloadText', () => {
  it('gives UTF-8 as text, byte order mark included', () => {
    expect(payloadText(Buffer.from('\ufeffé\0'))).toEqual({ text: '\ufeffé\0', encoding: 'utf8' })
  })

  it.each([
    ['a lone continuation byte', [0x80]],
    ['an overlong slash', [0xc0, 0xaf]],
    ['a surrogate half', [0xed, 0xa0, 0x80]],
    ['a sequence cut short', [0x61, 0xe2, 0x82]]
  ])('gives %s as base64', (_, bytes) => {
    const { text, encoding } = payloadText(Uint8Array.from(bytes))
    expect(encoding).toBe('base64')
    expect([...Buffer.from(text, 'base64')]).toEqual(bytes)
  })
})

describe('cutTo', () => {
  it('cuts to the width with a mark that there was more', () => {
    expect(cutTo('abcdef', 6)).toBe('abcdef')
    expect(cutTo('abcdefg', 6)).toBe('abcde…')
  })

  it('never leaves half a surrogate pair', () => {
    expect(cutTo('a😀b', 3)).toBe('a…')
  })
})

describe('csvField', () => {
  it.each([
    ['plain', 'plain'],
    ['a,b', '"a,b"'],
    ['say "hi"', '"say ""hi"""'],
    ['two\nlines', '"two\nlines"']
  ])('%j', (value, field) => {
    expect(csvField(value)).toBe(field)
  })
})
