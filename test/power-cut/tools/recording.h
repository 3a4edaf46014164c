// What a disk was told, in order: the file that recording_disk.c writes and explore.cc reads. Each request is three numbers of 64
// bits in the machine's order (kind, offset, length), behind those of a write or a mark its bytes.
#ifndef INGEST_WAL_RECORDING_H_
#define INGEST_WAL_RECORDING_H_

#include <stdint.h>

enum request_kind {
  REQUEST_WRITE = 'W',
  REQUEST_ZERO = 'Z',   // a discard: these bytes read as zeros
  REQUEST_FLUSH = 'F',  // everything before it is on stable storage
  REQUEST_MARK = 'M'    // no request at all: what the workload noted at this moment
};

struct request_header {
  uint64_t kind;
  uint64_t offset;
  uint64_t length;
};

#endif
