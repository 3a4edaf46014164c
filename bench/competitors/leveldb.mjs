import { nativePeer } from '../harness/native-programs.mjs'

export const { name, jobs, command } = nativePeer('leveldb')
export const durability =
  'C++ without Node (libleveldb-dev): WriteBatch with sync for each batch, no compression, 64 MB memtable'
