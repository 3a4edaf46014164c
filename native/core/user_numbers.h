// Gives users numbers, for an appender that has only their ids.
#pragma once

#include <cstdint>
#include <string>
#include <unordered_map>

#include "bytes.h"
#include "format.h"

namespace ingest_wal {

class UserNumbers {
 public:
  // From 1; the same for the same id; 0 when the id is too long or there are too many users.
  uint32_t Of(Bytes user_id) {
    if (user_id.size > user_record::kMaxUserIdBytes) return 0;
    key_.assign(reinterpret_cast<const char*>(user_id.data), user_id.size);
    const auto known = numbers_.find(key_);
    if (known != numbers_.end()) return known->second;
    if (numbers_.size() >= user_record::kMaxNumber) return 0;
    const auto number = static_cast<uint32_t>(numbers_.size() + 1);
    numbers_.emplace(key_, number);
    return number;
  }

 private:
  std::unordered_map<std::string, uint32_t> numbers_;
  std::string key_;
};

}  // namespace ingest_wal
