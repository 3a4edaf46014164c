import { open as openFile } from 'node:fs/promises'
import { join } from 'node:path'
import { encode, encodeMeasurement, readFrames } from '../harness/frame.mjs'
import { listLog } from '../harness/group-commit.mjs'

export const name = 'buffer-concat'
export const durability =
  'a Buffer an entry, Buffer.concat, fs.write and fdatasync of each batch; no checksum; not kill-safe'
export const jobs = ['bulk', 'append', 'awaited', 'read', 'lane']

export const open = (directory) => openWith(directory, encode)

export async function openLane(directory) {
  return { user: (userId) => userId, ...(await openWith(directory, encodeMeasurement)) }
}

async function openWith(directory, encodeEntry) {
  const file = await openFile(join(directory, 'log'), 'w')
  return listLog({
    encode: encodeEntry,
    async write(frames) {
      await file.writeFile(Buffer.concat(frames))
      await file.datasync()
    },
    close: () => file.close()
  })
}

export async function read(directory, onEntry) {
  await readFrames(join(directory, 'log'), onEntry)
}
