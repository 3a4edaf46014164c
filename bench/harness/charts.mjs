/** Bars and lines as SVG. Lengths in pixels. */

const BAR = { width: 520, height: 18, gap: 8, labels: 170, values: 190 }
const PLOT = { width: 760, height: 340, left: 70, right: 190, top: 16, bottom: 44 }
const COLOURS = [
  '#c2571a', '#2e8b57', '#7b4fa3', '#b8860b', '#c0392b', '#5f7d95', '#8d6e63', '#2aa5a0', '#d36ba6', '#7f8c3f', '#444'
]
const OURS_COLOUR = '#1769aa'
const OTHERS_COLOUR = '#9aa7b4'
const GRID_COLOUR = '#e4e7ea'

/** One bar a row, as long as its median is of the greatest, with a thin line from least to greatest. */
export function barChart({ rows, unit, shown }) {
  const most = Math.max(...rows.map(({ max }) => max))
  const x = (value) => BAR.labels + (value / most) * BAR.width
  const bars = rows.map(({ name, median, min, max }, index) => {
    const y = index * (BAR.height + BAR.gap)
    const middle = y + BAR.height / 2
    const colour = name.startsWith('ingest-wal') ? OURS_COLOUR : OTHERS_COLOUR
    const width = (x(median) - BAR.labels).toFixed(1)
    const [from, to] = [x(min).toFixed(1), x(max).toFixed(1)]
    const whisker = `M${from} ${middle}H${to}M${from} ${middle - 4}v8M${to} ${middle - 4}v8`
    return [
      text(BAR.labels - 8, middle + 4, name, 'end'),
      `<rect x="${BAR.labels}" y="${y}" width="${width}" height="${BAR.height}" fill="${colour}"/>`,
      `<path d="${whisker}" stroke="#222"/>`,
      text(x(max) + 8, middle + 4, `${shown(median)} ${unit}`)
    ].join('\n')
  })
  return svg(BAR.labels + BAR.width + BAR.values, rows.length * (BAR.height + BAR.gap), bars)
}

/**
 * Lines of points, y on a logarithmic scale. `x.isShare`: x are shares below 1, drawn so that each further nine takes
 * as much room as the last; otherwise x is logarithmic too.
 */
export function lineChart({ x, y, lines, title }) {
  const points = lines.flatMap((line) => line.points)
  const xScale = scaleOf(points.map(([value]) => xOf(x, value)), PLOT.left, PLOT.left + PLOT.width)
  const yScale = scaleOf(points.map(([, value]) => logarithm(value)), PLOT.top + PLOT.height, PLOT.top)
  const place = ([px, py]) => `${xScale(xOf(x, px)).toFixed(1)},${yScale(logarithm(py)).toFixed(1)}`
  const drawn = lines.map((line, index) => {
    const colour = line.emphasised ? OURS_COLOUR : COLOURS[index % COLOURS.length]
    const path = line.points.map(place).join(' ')
    return `<polyline points="${path}" fill="none" stroke="${colour}" stroke-width="${line.emphasised ? 3 : 1.5}"/>`
  })
  const middle = PLOT.left + PLOT.width / 2
  const bottom = PLOT.top + PLOT.height
  const labels = [text(middle, bottom + 36, x.label, 'middle'), text(PLOT.left, PLOT.top - 4, y.label, 'end')]
  const all = [...xTicks(x, points, xScale), ...yTicks(points, yScale), ...drawn, ...legend(lines, yScale), ...labels]
  return svg(PLOT.left + PLOT.width + PLOT.right, PLOT.top + PLOT.height + PLOT.bottom, all, title)
}

/** Names at the lines' ends, moved apart where they would cover each other. */
function legend(lines, yScale) {
  const ends = lines.map((line, index) => ({ line, index, y: yScale(logarithm(line.points.at(-1)[1])) }))
  ends.sort((a, b) => a.y - b.y)
  const height = 15
  for (let i = 1; i < ends.length; i++) ends[i].y = Math.max(ends[i].y, ends[i - 1].y + height)
  const lowest = PLOT.top + PLOT.height
  for (let i = ends.length - 1; i >= 0; i--) {
    ends[i].y = Math.min(ends[i].y, lowest - (ends.length - 1 - i) * height)
  }
  return ends.map(({ line, index, y }) => {
    const colour = line.emphasised ? OURS_COLOUR : COLOURS[index % COLOURS.length]
    const style = `fill: ${colour}${line.emphasised ? '; font-weight: bold' : ''}`
    return text(PLOT.left + PLOT.width + 8, y + 4, line.name, 'start', style)
  })
}

function xTicks(x, points, xScale) {
  const shares = [0, 0.5, 0.9, 0.99, 0.999, 0.9999]
  const values = x.isShare ? shares : [...new Set(points.map(([value]) => value))].sort((a, b) => a - b)
  return values.map((value) => {
    const at = xScale(xOf(x, value)).toFixed(1)
    const shown = x.isShare ? `p${Number((value * 100).toFixed(2))}` : value.toLocaleString('en-US')
    const bottom = PLOT.top + PLOT.height
    return `<path d="M${at} ${PLOT.top}V${bottom}" stroke="${GRID_COLOUR}"/>${text(at, bottom + 18, shown, 'middle')}`
  })
}

function yTicks(points, yScale) {
  const logs = points.map(([, value]) => logarithm(value))
  const [least, most] = [Math.min(...logs), Math.max(...logs)]
  const steps = most - least > 1.5 ? [1] : [1, 2, 5]
  const values = []
  for (let power = Math.floor(least); power <= Math.ceil(most); power++) {
    for (const step of steps) values.push(step * 10 ** power)
  }
  return values
    .filter((value) => logarithm(value) >= least - 0.05 && logarithm(value) <= most + 0.05)
    .map((value) => {
      const at = yScale(logarithm(value)).toFixed(1)
      const shown = Number(value.toPrecision(1)).toLocaleString('en-US')
      const line = `<path d="M${PLOT.left} ${at}h${PLOT.width}" stroke="${GRID_COLOUR}"/>`
      return line + text(PLOT.left - 8, Number(at) + 4, shown, 'end')
    })
}

function scaleOf(values, from, to) {
  const [least, most] = [Math.min(...values), Math.max(...values)]
  const room = (most - least || 1) * 0.05
  return (value) => from + ((value - least + room) / (most - least + 2 * room || 1)) * (to - from)
}

const xOf = (x, value) => (x.isShare ? -Math.log10(1 - value) : logarithm(value))

/** Of what a clock with a resolution may read as 0, too. */
const logarithm = (value) => Math.log10(Math.max(value, 1e-3))

function svg(width, height, parts, title = '') {
  const heading = title === '' ? '' : `<title>${escape(title)}</title>`
  const size = `viewBox="0 0 ${width} ${height}" width="${width}" height="${height}"`
  return `<svg ${size} role="img">${heading}${parts.join('\n')}</svg>`
}

function text(x, y, content, anchor = 'start', style = '') {
  const attributes = style === '' ? '' : ` style="${style}"`
  return `<text x="${x}" y="${y}" text-anchor="${anchor}"${attributes}>${escape(content)}</text>`
}

const ESCAPES = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' }

export function escape(text) {
  return String(text).replace(/[&<>"]/g, (character) => ESCAPES[character])
}
