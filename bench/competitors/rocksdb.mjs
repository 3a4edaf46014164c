import { nativePeer } from '../harness/native-programs.mjs'

export const { name, jobs, command } = nativePeer('rocksdb')
export const durability =
  'C++ without Node (librocksdb-dev): WriteBatch with sync for each batch, log recycled, FIFO compaction, ' +
  'no compression, 64 MB memtables'
