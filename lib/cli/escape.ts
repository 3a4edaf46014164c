/**
 * Bytes of the log as text that a terminal can be given. User ids and payloads are whatever somebody sent: escape
 * sequences, line breaks and marks that turn the direction of writing must reach no terminal and break no line.
 */

// Controls (C0, DEL, C1), line and paragraph separators, zero-width and bidirectional marks, the byte order mark.
const UNSAFE = /[\u0000-\u001f\u007f-\u009f\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]/g
const strictDecoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })
const SHORT: Readonly<Record<string, string>> = { '\n': '\\n', '\r': '\\r', '\t': '\\t', '\\': '\\\\' }

function escapeCharacter(character: string): string {
  return SHORT[character] ?? `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`
}

/** `text` with what is unsafe, and the backslash itself, written as in a JSON string. Loses nothing. */
export function escapeText(text: string): string {
  return text.replaceAll('\\', '\\\\').replace(UNSAFE, escapeCharacter)
}

/** `value` as JSON on one line that is safe on a terminal; it parses to the same value. */
export function safeJson(value: unknown): string {
  return JSON.stringify(value).replace(UNSAFE, escapeCharacter)
}

/** A payload as text when it is UTF-8, else as base64. */
export function payloadText(payload: Uint8Array): { text: string; encoding: 'utf8' | 'base64' } {
  try {
    return { text: strictDecoder.decode(payload), encoding: 'utf8' }
  } catch (error) {
    if (!(error instanceof TypeError)) throw error
    return { text: Buffer.from(payload).toString('base64'), encoding: 'base64' }
  }
}

/** `text` cut to `width` characters; the last one tells that there was more. Never ends inside a surrogate pair. */
export function cutTo(text: string, width: number): string {
  if (text.length <= width) return text
  return `${text.slice(0, Math.max(0, width - 1)).replace(/[\ud800-\udbff]$/u, '')}…`
}

/** A field of a CSV row, quoted where it must be. */
export function csvField(value: string | number): string {
  const text = String(value)
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text
}
