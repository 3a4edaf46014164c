// Holds the tree against its architecture: which file may use which. Reads the #include lines of native/ and the imports
// of lib/, and prints one line for each breach: file:line, what it uses, and the rule.
//   node scripts/check-architecture.mjs [--root DIR]
//
// A rule speaks of the `files` that it covers. `only`: every use must match one of these. `never`: no use may match one of
// these. `reach`: the same for everything that is used in turn, which is what an #include amounts to.
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join, posix } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import ts from 'typescript'

// What a use looks like: <header> as written, "header" as a path from the root; 'package' or node:module as written, a
// relative import as a path from the root.
const STANDARD_HEADER = /^<[a-z0-9_]+>$/
const NODE_API = /^<(napi|node_api|js_native_api|node|uv|v8|nan)[a-z0-9_-]*(\.h|\/.*)?>$/
const PACKAGE = /^(node:)?[a-z@][^.]*$/

function core(...names) {
  return new RegExp(`^native/core/(${names.join('|')})\\.h$`)
}

const RULES = [
  {
    name: 'the core knows nothing of Node',
    files: /^native\/core\//,
    never: [NODE_API, /^native\/(binding|test)\//]
  },
  {
    name: 'napi_setup.h is the only place that includes Node-API',
    files: /^native\/(?!binding\/napi_setup\.h$)/,
    never: [NODE_API]
  },
  {
    name: 'bytes, status and format stand on nothing of the project',
    files: core('bytes', 'status', 'format'),
    only: [STANDARD_HEADER]
  },
  {
    name: 'crc32c is a function of bytes',
    files: /^native\/core\/crc32c\w*\.(h|cc)$/,
    // The processor is asked by its own headers.
    only: [STANDARD_HEADER, /^native\/core\/crc32c\w*\.h$/, /^<(arm_acle|nmmintrin|asm\/hwcap|sys\/auxv|sys\/sysctl)\.h>$/]
  },
  {
    name: 'inflate is a function of bytes',
    files: /^native\/core\/inflate\.(h|cc)$/,
    only: [STANDARD_HEADER, core('bytes', 'inflate')]
  },
  {
    name: 'records, scan, segment headers and names are functions of bytes',
    files: /^native\/core\/(record|record_short|lost_header|staged_entry|scan|segment_header|segment_name|segment_users)\.(h|cc)$/,
    only: [
      STANDARD_HEADER,
      core('bytes', 'status', 'format', 'crc32c'),
      core('record', 'record_short', 'lost_header', 'staged_entry', 'scan', 'segment_header', 'segment_name', 'segment_users')
    ]
  },
  {
    name: 'the writer never sees the reader',
    files: /^native\/core\/(writer|writer_sleep|segment_writer|spare_segment)\.(h|cc)$/,
    reach: [core('reader')]
  },
  {
    name: 'the reader never sees the writer',
    files: /^native\/core\/(reader|base_walk|log_base|checkpoint|compressed_file|scan|segment_cursor|segment_source|segment_scan|directory_scan|report_assembly|log_end|inspect)\.(h|cc)$/,
    reach: [core('writer', 'segment_writer', 'spare_segment', 'log')]
  },
  {
    name: 'checkpoints are written beside the writer, not by it',
    files: /^native\/core\/(checkpoint_writer|segment_layout)\.(h|cc)$/,
    reach: [core('writer', 'segment_writer', 'spare_segment', 'log')]
  },
  {
    name: 'platform files see their interface only',
    files: /^native\/core\/platform\//,
    only: [/^</, /^native\/core\/platform\/\w+\.h$/, core('bytes', 'status')]
  },
  {
    name: 'systems differ in platform files only',
    files: /^native\/core\/(?!platform\/|crc32c)/,
    never: [/^<(unistd|fcntl|dirent|poll|pthread|time|windows)\.h>$/, /^<sys\//, /^native\/core\/platform\/\w+_(posix|win32|error)\.h$/]
  },
  {
    name: 'only load-addon.cjs finds the addon, and only native.ts asks it to',
    files: /^lib\/(?!native\.ts$)/,
    never: [/^lib\/load-addon\.(cjs|ts)$/]
  },
  {
    name: 'only load-addon.cjs loads native modules',
    files: /^lib\/(?!load-addon\.cjs$)/,
    never: [/^node-gyp-build$/, /\.node$/]
  },
  {
    name: 'the command line needs no more than the public surface',
    files: /^lib\/cli\//,
    only: [PACKAGE, /^lib\/cli\//, /^lib\/(index|report\/index)\.ts$/, /^lib\/text\//]
  },
  {
    name: 'text stands on nothing of the project',
    files: /^lib\/text\//,
    only: [/^lib\/text\//]
  },
  {
    name: 'nothing imports the command line',
    files: /^lib\/(?!cli\/)/,
    never: [/^lib\/cli\//]
  },
  {
    name: 'the public index is for users, not for the library itself',
    files: /^lib\/(?!cli\/|index\.ts$)/,
    never: [/^lib\/(index|report\/index)\.ts$/]
  },
  {
    name: 'plan, retention and clock of maintenance are decisions: pure functions',
    files: /^lib\/maintenance\/(plan|retention|clock)\.ts$/,
    only: [/^lib\/wal\/types\.ts$/, /^lib\/errors\.ts$/, /^lib\/replay\/(payloads|measurement)\.ts$/, /^lib\/maintenance\/files\.ts$/]
  },
  {
    name: 'maintenance looks after any log, never after Wal itself',
    files: /^lib\/maintenance\//,
    never: [/^lib\/wal\/wal\.ts$/]
  },
  {
    name: 'only its adapters know how metrics are exported',
    files: /^lib\/(?!metrics\/(prometheus|otel)\.ts$)/,
    never: [/^prom-client$/, /^@opentelemetry\//, /^lib\/metrics\/(prometheus|otel)\.ts$/]
  },
  {
    name: 'a report looks at a log from outside, never at Wal itself',
    files: /^lib\/report\//,
    never: [/^lib\/wal\/wal\.ts$/, /^lib\/native\.ts$/, /^lib\/(maintenance|service|config)\//]
  },
  {
    name: 'the pages of a report are functions of its data',
    files: /^lib\/report\/(page|style|html|svg|format|damage-words|segment-cells|segment-map|\w+-section)\.ts$/,
    only: [
      /^node:crypto$/,
      /^lib\/report\/(page|style|html|svg|format|log-report|damage-words|segment-cells|segment-map|\w+-section)\.ts$/,
      /^lib\/text\/(escape|figures)\.ts$/,
      /^lib\/metrics\/histogram\.ts$/,
      // Types, and the names of operations.
      /^lib\/wal\/(types|inspect)\.ts$/
    ]
  },
  {
    name: 'replay and recovery run on any entry log, never on Wal itself',
    files: /^lib\/(replay|recovery)\//,
    never: [/^lib\/wal\/(?!types\.ts$)/, /^lib\/native\.ts$/]
  }
]

const SOURCES = /\.(h|cc|ts|cts|cjs)$/

function filesBelow(root, folder) {
  if (!existsSync(join(root, folder))) return []
  return readdirSync(join(root, folder), { withFileTypes: true }).flatMap((entry) => {
    const path = posix.join(folder, entry.name)
    if (entry.isDirectory()) return filesBelow(root, path)
    return SOURCES.test(path) ? [path] : []
  })
}

/** Where a quoted include leads: the includer's folder, the core, or as written when it is nowhere. */
function resolveInclude(root, file, header) {
  const places = [posix.dirname(file), 'native/core', 'native/binding', 'native/test']
  const found = places.map((place) => posix.join(place, header)).find((path) => existsSync(join(root, path)))
  return found ?? header
}

function includesOf(root, file, text) {
  const uses = []
  text.split('\n').forEach((line, index) => {
    const include = /^\s*#\s*include\s*(?:"([^"]+)"|(<[^>]+>))/.exec(line)
    if (include !== null) uses.push({ line: index + 1, target: include[2] ?? resolveInclude(root, file, include[1]) })
  })
  return uses
}

function importsOf(file, text) {
  const { importedFiles } = ts.preProcessFile(text, true, true)
  return importedFiles.map(({ fileName, pos }) => {
    const relative = fileName.startsWith('.')
    const path = posix.join(posix.dirname(file), fileName).replace(/\.js$/, '.ts')
    return { line: text.slice(0, pos).split('\n').length, target: relative ? path : fileName }
  })
}

function usesOf(root, file) {
  const text = readFileSync(join(root, file), 'utf8')
  return file.startsWith('native/') ? includesOf(root, file, text) : importsOf(file, text)
}

/** The way from `from` to a file that matches, over everything used in turn; null when there is none. */
function wayTo(patterns, from, graph, seen = new Set()) {
  if (patterns.some((pattern) => pattern.test(from))) return [from]
  if (seen.has(from)) return null
  seen.add(from)
  for (const { target } of graph.get(from) ?? []) {
    const way = wayTo(patterns, target, graph, seen)
    if (way !== null) return [from, ...way]
  }
  return null
}

function breachOf(rule, target, graph) {
  if (rule.only !== undefined && !rule.only.some((pattern) => pattern.test(target))) return target
  if (rule.never?.some((pattern) => pattern.test(target))) return target
  const way = rule.reach === undefined ? null : wayTo(rule.reach, target, graph)
  return way === null ? null : way.join(' -> ')
}

function breaches(root) {
  const files = [...filesBelow(root, 'native'), ...filesBelow(root, 'lib')]
  const graph = new Map(files.map((file) => [file, usesOf(root, file)]))
  return files.flatMap((file) =>
    RULES.filter((rule) => rule.files.test(file)).flatMap((rule) =>
      graph.get(file).flatMap(({ line, target }) => {
        const breach = breachOf(rule, target, graph)
        return breach === null ? [] : [`${file}:${line}: uses ${breach}; rule: ${rule.name}`]
      })
    )
  )
}

const { values } = parseArgs({ options: { root: { type: 'string', default: fileURLToPath(new URL('..', import.meta.url)) } } })
const found = breaches(values.root)
for (const breach of found) console.error(breach)
if (found.length > 0) process.exit(1)
console.log('architecture: every file uses only what it may')
