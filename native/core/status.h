// What an operation of the core answers: a code, the operating system's errno where there was one, and
// a sentence for a person. The core throws nothing; every fallible function returns a Status.
//
// This list is the one source of error codes: the module exports it, lib/errors.ts types it, and
// docs/errors.md explains it; tests hold all three together.
#pragma once

#include <cstdint>
#include <string>
#include <utility>

namespace ingest_wal {

#define INGEST_WAL_ERROR_CODES(X) \
  X(kOk, "OK")                                        \
  X(kLocked, "ERR_WAL_LOCKED")                        \
  X(kBackpressure, "ERR_WAL_BACKPRESSURE")            \
  X(kTooLarge, "ERR_WAL_TOO_LARGE")                   \
  X(kInvalidArgument, "ERR_WAL_INVALID_ARGUMENT")     \
  X(kClosed, "ERR_WAL_CLOSED")                        \
  X(kFailed, "ERR_WAL_FAILED")                        \
  X(kCorrupt, "ERR_WAL_CORRUPT")                      \
  X(kNewerFormat, "ERR_WAL_FORMAT_VERSION")           \
  X(kNotALog, "ERR_WAL_NOT_A_LOG")                    \
  X(kNotKillSafe, "ERR_WAL_NOT_KILL_SAFE")            \
  X(kNoSpace, "ERR_WAL_NO_SPACE")                     \
  X(kNotFound, "ERR_WAL_NOT_FOUND")                   \
  X(kPermission, "ERR_WAL_PERMISSION")                \
  X(kIo, "ERR_WAL_IO")

enum class ErrorCode : int {
#define INGEST_WAL_CODE(name, text) name,
  INGEST_WAL_ERROR_CODES(INGEST_WAL_CODE)
#undef INGEST_WAL_CODE
};

constexpr const char* kErrorCodeNames[] = {
#define INGEST_WAL_NAME(name, text) text,
    INGEST_WAL_ERROR_CODES(INGEST_WAL_NAME)
#undef INGEST_WAL_NAME
};

class [[nodiscard]] Status {
 public:
  Status() = default;
  Status(ErrorCode code, std::string message, int system_errno = 0)
      : code_(code), system_errno_(system_errno), message_(std::move(message)) {}

  bool ok() const { return code_ == ErrorCode::kOk; }
  ErrorCode code() const { return code_; }
  const char* code_name() const { return kErrorCodeNames[static_cast<int>(code_)]; }
  int system_errno() const { return system_errno_; }
  const std::string& message() const { return message_; }

 private:
  ErrorCode code_ = ErrorCode::kOk;
  int system_errno_ = 0;
  std::string message_;
};

// Returns from the enclosing function when `expression` did not succeed.
#define INGEST_WAL_RETURN_IF_ERROR(expression)            \
  do {                                                    \
    if (::ingest_wal::Status status_ = (expression); !status_.ok()) return status_; \
  } while (0)

}  // namespace ingest_wal
