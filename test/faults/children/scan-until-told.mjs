// Looks at every byte of a log again and again, and says each time what came of it, until its stdin ends.
import { writeSync } from 'node:fs'
import { readLogChunks, scanLog } from '../../../dist/esm/index.js'

const [directory] = process.argv.slice(2)
let isTold = false
process.stdin.on('end', () => (isTold = true)).resume()

async function look() {
  try {
    const { entries } = await scanLog(directory)
    let read = 0
    for await (const chunk of readLogChunks(directory)) read += chunk.length
    return { entries, read }
  } catch (error) {
    return { code: error.code }
  }
}

while (!isTold) writeSync(1, `${JSON.stringify(await look())}\n`)
