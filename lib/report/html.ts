/** Markup out of templates in which whatever is filled in is text, unless it is markup already. */
import { escapeText } from '../text/escape.js'

/** Markup. Only `html` and `markup` make it. */
export class Html {
  readonly text: string

  constructor(text: string) {
    this.text = text
  }

  toString(): string {
    return this.text
  }
}

export type Content = Html | string | number | null | undefined | false | readonly Content[]

const ENTITIES: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&#39;' }
// They have no form in UTF-8: two ids that differ in them alone would look the same.
const LONE_SURROGATE = /[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/g

function escaped(text: string): string {
  return escapeText(text)
    .replace(LONE_SURROGATE, (half) => `\\u${half.charCodeAt(0).toString(16)}`)
    .replace(/[&<>"']/g, (character) => ENTITIES[character] as string)
}

function textOf(content: Content): string {
  if (content instanceof Html) return content.text
  if (Array.isArray(content)) return content.map((each: Content) => textOf(each)).join('')
  if (content === null || content === undefined || content === false) return ''
  return escaped(String(content))
}

/** A template whose values are escaped, for text and for quoted attributes; markup and lists of it are taken as they are. */
export function html(strings: TemplateStringsArray, ...values: readonly Content[]): Html {
  return new Html(strings.map((part, index) => part + textOf(values[index])).join(''))
}

/** A constant of the program as markup: never anything that comes from a log. */
export function markup(constant: string): Html {
  return new Html(constant)
}

const SHOWN_CHARACTERS = 120

/** An id of a user, cut where it is too long to be read. */
export function userName(userId: string): Html {
  if (userId === '') return html`<span class="id">(empty)</span>`
  if (userId.length <= SHOWN_CHARACTERS) return html`<span class="id">${userId}</span>`
  // Not within a pair of surrogates.
  const cut = userId.slice(0, SHOWN_CHARACTERS).replace(/[\ud800-\udbff]$/u, '')
  return html`<span class="id">${cut}… (${userId.length} characters)</span>`
}

/** Names with commas between them. */
export function listed(parts: readonly Html[], separator = ', '): Html {
  return html`${parts.map((part, index) => html`${index > 0 && separator}${part}`)}`
}

export interface TableColumn<Row> {
  title: string
  /** Numbers stand to the right. */
  numeric?: boolean
  cell: (row: Row) => Content
}

/** A table that scrolls by itself where the screen is narrow. `idOf`: where links lead. */
export function table<Row>(
  caption: string,
  columns: ReadonlyArray<TableColumn<Row>>,
  rows: readonly Row[],
  idOf?: (row: Row) => string | undefined
): Html {
  const head = columns.map(({ title, numeric }) => html`<th scope="col"${numeric === true && html` class="number"`}>${title}</th>`)
  const body = rows.map((row) => {
    const id = idOf?.(row)
    const cells = columns.map(({ cell, numeric }) => html`<td${numeric === true && html` class="number"`}>${cell(row)}</td>`)
    return html`<tr${id !== undefined && html` id="${id}"`}>${cells}</tr>\n`
  })
  return html`<div class="scroll" tabindex="0" role="region" aria-label="${caption}"><table>
<caption>${caption}</caption>
<thead><tr>${head}</tr></thead>
<tbody>
${body}</tbody></table></div>
`
}
