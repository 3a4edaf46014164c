import { join } from 'node:path'
import { open as openDatabase } from 'lmdb'
import { decode, encode } from '../harness/frame.mjs'
import { listLog } from '../harness/group-commit.mjs'

export const name = 'lmdb'
export const durability = 'puts of a batch in one transaction, then its flushed promise (default overlapping sync)'
export const jobs = ['bulk', 'append', 'awaited', 'read']

const openLog = (directory) =>
  openDatabase({ path: join(directory, 'log.mdb'), keyEncoding: 'uint32', encoding: 'binary' })

export async function open(directory) {
  const database = openLog(directory)
  return listLog({
    encode: (lsn, userId, payload) => ({ lsn, frame: encode(lsn, userId, payload) }),
    async write(items) {
      let committed
      for (const { lsn, frame } of items) committed = database.put(lsn, frame)
      await committed
      await database.flushed
    },
    close: () => database.close()
  })
}

export async function read(directory, onEntry) {
  const database = openLog(directory)
  for (const { value } of database.getRange()) decode(value, 0, onEntry)
  await database.close()
}
