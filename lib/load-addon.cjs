// Finds and loads the native module. CommonJS, because it needs to know where it lies itself, and that is the
// one thing that ESM and CommonJS say in different ways. Copied as it is into both builds.
'use strict'

const fs = require('node:fs')
const path = require('node:path')

/** The folder of the package: the nearest one above this file whose package.json is this package's. */
function packageRoot() {
  for (let folder = __dirname; ; folder = path.dirname(folder)) {
    const manifest = path.join(folder, 'package.json')
    if (fs.existsSync(manifest) && JSON.parse(fs.readFileSync(manifest, 'utf8')).name === 'ingest-wal') return folder
    if (path.dirname(folder) === folder) throw new Error(`no package.json of ingest-wal above ${__dirname}`)
  }
}

/** `{ root, version, load }`: load() gives the native module, from build/Release or from prebuilds/. */
function locateAddon() {
  const root = packageRoot()
  const { version } = JSON.parse(fs.readFileSync(path.join(root, 'package.json'), 'utf8'))
  return { root, version, load: () => require('node-gyp-build')(root) }
}

module.exports = { locateAddon }
