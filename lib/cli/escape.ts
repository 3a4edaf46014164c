/** What the log's own escaping does not do: payloads, cells of a fixed width, fields of CSV. */
export { escapeText, safeJson } from '../text/escape.js'

const strictDecoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

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
