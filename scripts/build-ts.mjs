// Compiles lib/ twice, to ESM and to CommonJS, and copies what tsc does not.
import { spawnSync } from 'node:child_process'
import { chmodSync, copyFileSync, rmSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('..', import.meta.url))
const tsc = createRequire(import.meta.url).resolve('typescript/bin/tsc')

rmSync(join(root, 'dist'), { recursive: true, force: true })
for (const format of ['esm', 'cjs']) {
  const done = spawnSync(process.execPath, [tsc, '-p', `tsconfig.${format}.json`], { cwd: root, stdio: 'inherit' })
  if (done.status !== 0) process.exit(done.status ?? 1)
  for (const file of ['load-addon.cjs', 'load-addon.d.cts']) copyFileSync(join(root, 'lib', file), join(root, 'dist', format, file))
}
// The declarations of both builds refer to ../binding.js.
copyFileSync(join(root, 'binding.d.ts'), join(root, 'dist/binding.d.ts'))
writeFileSync(join(root, 'dist/package.json'), '{ "type": "commonjs" }\n')
writeFileSync(join(root, 'dist/esm/package.json'), '{ "type": "module" }\n')
chmodSync(join(root, 'dist/esm/cli/main.js'), 0o755)
