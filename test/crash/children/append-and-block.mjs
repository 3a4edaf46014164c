// Appends one entry at once when it is told to, and then keeps the event loop, or libuv's thread pool, from doing anything.
//   node append-and-block.mjs DIRECTORY TOKEN loop|pool
// Writes one byte to descriptor 3 when append has returned.
import { pbkdf2 } from 'node:crypto'
import { writeSync } from 'node:fs'
import { Operation, Wal } from '../../../dist/esm/index.js'

const [directory, token, what] = process.argv.slice(2)
const wal = await Wal.open({ directory, segmentBytes: 1 << 20 })

if (what === 'pool') {
  for (let i = 0; i < 16; i++) pbkdf2('password', 'salt', 3_000_000, 64, 'sha512', () => undefined)
  // The first four have begun.
  await new Promise((resolve) => setTimeout(resolve, 50))
}
wal.append(Operation.ADD_MEASUREMENT, 'user-1', Buffer.from(token))
writeSync(3, '.')
const until = performance.now() + 2000
while (what === 'loop' && performance.now() < until);
if (what === 'pool') setInterval(() => undefined, 1000)
