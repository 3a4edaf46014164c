import { join } from 'node:path'
import { RocksLevel } from '@nxtedition/rocksdb'
import { decode, encode } from '../harness/frame.mjs'
import { listLog } from '../harness/group-commit.mjs'

export const name = 'nxtedition-rocksdb'
export const durability =
  '@nxtedition/rocksdb, RocksDB for Node: db.batch with sync: true for each batch, no compression'
export const jobs = ['bulk', 'append', 'awaited', 'read']

const openLog = async (directory) => {
  const database = new RocksLevel(join(directory, 'log'), { keyEncoding: 'buffer', valueEncoding: 'buffer' })
  // Payloads are random, but the same few come again and again; nobody else is allowed to notice that.
  await database.open({ walCompression: false, compression: false })
  return database
}

export async function open(directory) {
  const database = await openLog(directory)
  return listLog({
    encode(lsn, userId, payload) {
      const key = Buffer.allocUnsafe(6)
      key.writeUIntBE(lsn, 0, 6)
      return { type: 'put', key, value: encode(lsn, userId, payload) }
    },
    write: (operations) => database.batch(operations, { sync: true }),
    close: () => database.close()
  })
}

export async function read(directory, onEntry) {
  const database = await openLog(directory)
  const iterator = database.values()
  for (;;) {
    const values = await iterator.nextv(10_000)
    if (values.length === 0) break
    for (const value of values) decode(value, 0, onEntry)
  }
  await iterator.close()
  await database.close()
}
