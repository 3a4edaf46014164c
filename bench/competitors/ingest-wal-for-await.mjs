import { readOneByOne } from './ingest-wal.mjs'

export { open } from './ingest-wal.mjs'

export const name = 'ingest-wal-for-await'
export const durability = 'ingest-wal, read by for await: an object and a payload of its own for each entry'
export const jobs = ['read']

export const read = readOneByOne
