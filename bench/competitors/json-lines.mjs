import { createReadStream } from 'node:fs'
import { open as openFile } from 'node:fs/promises'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { listLog } from '../harness/group-commit.mjs'

export const name = 'json-lines'
export const durability =
  'JSON.stringify an entry (payload in base64), fs.write and fdatasync of each batch; no checksum; not kill-safe'
export const jobs = ['bulk', 'append', 'awaited', 'read']

export async function open(directory) {
  const file = await openFile(join(directory, 'log.jsonl'), 'w')
  return listLog({
    encode: (lsn, userId, bytes) => {
      const payload = bytes.toString('base64')
      return JSON.stringify({ lsn, timestamp: Date.now(), operation: 'ADD_MEASUREMENT', userId, payload })
    },
    async write(lines) {
      await file.writeFile(`${lines.join('\n')}\n`)
      await file.datasync()
    },
    close: () => file.close()
  })
}

export async function read(directory, onEntry) {
  const input = createReadStream(join(directory, 'log.jsonl'), { highWaterMark: 1 << 20 })
  for await (const line of createInterface({ input, crlfDelay: Infinity })) {
    const { userId, payload } = JSON.parse(line)
    onEntry(userId, Buffer.from(payload, 'base64'))
  }
}
