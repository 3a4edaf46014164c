// A growing array of plain values whose memory can be given away. Unlike a vector it does not write what it makes room
// for: a chunk's memory is written once.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <memory>
#include <type_traits>

namespace ingest_wal {

template <typename Value>
class PlainArray {
  static_assert(std::is_trivial<Value>::value, "values are copied as bytes and never constructed");

 public:
  Value* data() { return values_.get(); }
  const Value* data() const { return values_.get(); }
  size_t size() const { return size_; }
  size_t capacity() const { return capacity_; }
  bool empty() const { return size_ == 0; }
  const Value* begin() const { return data(); }
  const Value* end() const { return data() + size_; }
  const Value& operator[](size_t index) const { return values_[index]; }

  void clear() { size_ = 0; }

  void Reserve(size_t capacity) {
    if (capacity <= capacity_) return;
    // Not make_unique, which would fill it.
    std::unique_ptr<Value[]> larger(new Value[capacity]);
    if (size_ != 0) std::memcpy(larger.get(), values_.get(), size_ * sizeof(Value));
    values_ = std::move(larger);
    capacity_ = capacity;
  }

  // Room for `count` more, for the caller to write.
  Value* Add(size_t count) {
    if (capacity_ - size_ < count) Reserve(std::max(size_ + count, 2 * capacity_));
    Value* const added = values_.get() + size_;
    size_ += count;
    return added;
  }

  // Takes memory of `capacity` values in place of its own; it is empty afterwards.
  void Adopt(std::unique_ptr<Value[]> values, size_t capacity) {
    values_ = std::move(values);
    size_ = 0;
    capacity_ = capacity;
  }

  // Leaves it empty.
  std::unique_ptr<Value[]> Release() {
    size_ = capacity_ = 0;
    return std::move(values_);
  }

 private:
  std::unique_ptr<Value[]> values_;
  size_t size_ = 0;
  size_t capacity_ = 0;
};

}  // namespace ingest_wal
