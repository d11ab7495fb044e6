#pragma once

#include <cstdint>
#include <cstdlib>
#include <cstring>

#include "base/slice.h"

namespace catzilla::memory {

// Bytes that came in and wait, in one piece: a parser wants them contiguous. Grows by doubling;
// moves what is left to the front when it is full. Owner: Connection. Thread: loop. bytes() holds
// until the next append() or consume().
class ByteQueue {
 public:
  ByteQueue() = default;
  ByteQueue(const ByteQueue&) = delete;
  ByteQueue& operator=(const ByteQueue&) = delete;
  ~ByteQueue() { std::free(data_); }

  bool empty() const { return begin_ == end_; }
  size_t size() const { return end_ - begin_; }
  Slice bytes() const { return {data_ + begin_, size()}; }

  // `false` when memory is out.
  [[nodiscard]] bool append(Slice bytes) {
    if (bytes.empty()) return true;
    if (end_ + bytes.size() > capacity_ && !make_room(bytes.size())) return false;
    std::memcpy(data_ + end_, bytes.data(), bytes.size());
    end_ += bytes.size();
    return true;
  }

  void consume(size_t count) {
    begin_ += count;
    if (begin_ == end_) begin_ = end_ = 0;
  }

 private:
  static constexpr size_t kSmallest = 1024;

  bool make_room(size_t more) {
    const size_t held = size();
    if (begin_ > 0) {
      std::memmove(data_, data_ + begin_, held);
      begin_ = 0;
      end_ = held;
    }
    if (held + more <= capacity_) return true;
    size_t capacity = capacity_ == 0 ? kSmallest : capacity_;
    while (capacity < held + more)
      capacity *= 2;
    char* grown = static_cast<char*>(std::realloc(data_, capacity));
    if (grown == nullptr) return false;
    data_ = grown;
    capacity_ = capacity;
    return true;
  }

  char* data_ = nullptr;
  size_t begin_ = 0;
  size_t end_ = 0;
  size_t capacity_ = 0;
};

}  // namespace catzilla::memory
