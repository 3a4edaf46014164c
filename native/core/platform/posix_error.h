// errno to Status, for the POSIX files.
#pragma once

#include <cerrno>
#include <cstring>
#include <string>

#include "status.h"

namespace ingest_wal {

inline ErrorCode CodeOfErrno(int error) {
  switch (error) {
    case ENOSPC:
    case EDQUOT:
      return ErrorCode::kNoSpace;
    case EACCES:
    case EPERM:
    case EROFS:
      return ErrorCode::kPermission;
    case ENOENT:
      return ErrorCode::kNotFound;
    case EEXIST:
      return ErrorCode::kInvalidArgument;
    default:
      return ErrorCode::kIo;
  }
}

// `call` and `name` say what failed on what.
inline Status ErrnoStatus(const char* call, const std::string& name, int error) {
  return Status(CodeOfErrno(error), std::string(call) + " " + name + ": " + std::strerror(error), error);
}

}  // namespace ingest_wal
