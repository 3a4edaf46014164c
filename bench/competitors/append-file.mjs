import { appendFile, open as openFile } from 'node:fs/promises'
import { join } from 'node:path'
import { encode, readFrames } from '../harness/frame.mjs'
import { listLog } from '../harness/group-commit.mjs'

export const name = 'append-file'
export const durability = 'fs.appendFile by path and fdatasync of each batch; no checksum; not kill-safe'
export const jobs = ['bulk', 'append', 'awaited', 'read']

export async function open(directory) {
  const path = join(directory, 'log')
  const file = await openFile(path, 'a')
  return listLog({
    encode,
    async write(frames) {
      await appendFile(path, Buffer.concat(frames))
      await file.datasync()
    },
    close: () => file.close()
  })
}

export async function read(directory, onEntry) {
  await readFrames(join(directory, 'log'), onEntry)
}
