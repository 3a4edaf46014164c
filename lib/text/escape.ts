/**
 * Bytes of the log as text that a terminal or a page can be given. User ids and payloads are whatever somebody sent: escape
 * sequences, line breaks and marks that turn the direction of writing must reach no reader and break no line.
 */

// Controls (C0, DEL, C1), line and paragraph separators, zero-width and bidirectional marks, the byte order mark.
const UNSAFE = /[\u0000-\u001f\u007f-\u009f\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]/g
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
  return escapeJson(JSON.stringify(value))
}

/** JSON on one line as one that is safe on a terminal: JSON itself escapes the first controls only. */
export function escapeJson(json: string): string {
  return json.replace(UNSAFE, escapeCharacter)
}
