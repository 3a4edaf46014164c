import { join } from 'node:path'
import Database from 'better-sqlite3'
import { listLog } from '../harness/group-commit.mjs'

export const name = 'better-sqlite3'
export const durability = 'journal_mode WAL, synchronous FULL, one transaction a batch'
export const jobs = ['bulk', 'append', 'awaited', 'read']

export async function open(directory) {
  const database = new Database(join(directory, 'log.sqlite'))
  database.pragma('journal_mode = WAL')
  database.pragma('synchronous = FULL')
  database.exec(
    'CREATE TABLE entries (lsn INTEGER PRIMARY KEY, timestamp REAL, operation INTEGER, user TEXT, payload BLOB)'
  )
  const insert = database.prepare('INSERT INTO entries VALUES (?, ?, 2, ?, ?)')
  const insertAll = database.transaction((rows) => {
    for (const row of rows) insert.run(row.lsn, row.timestamp, row.userId, row.payload)
  })
  return listLog({
    encode: (lsn, userId, payload) => ({ lsn, timestamp: Date.now(), userId, payload }),
    write: async (rows) => insertAll(rows),
    close: async () => database.close()
  })
}

export async function read(directory, onEntry) {
  const database = new Database(join(directory, 'log.sqlite'), { readonly: true })
  const rows = database.prepare('SELECT lsn, timestamp, operation, user AS userId, payload FROM entries ORDER BY lsn')
  for (const { userId, payload } of rows.iterate()) onEntry(userId, payload)
  database.close()
}
