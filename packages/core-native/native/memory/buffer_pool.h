#pragma once

#include <cstddef>
#include <cstdint>

namespace catzilla::memory {

// A block of bytes in a chain: [begin, end) is filled.
struct Segment {
  static constexpr size_t kBytes = 16 * 1024;
  static constexpr size_t kCapacity = kBytes - sizeof(void*) - 2 * sizeof(uint32_t);

  Segment* next;
  uint32_t begin;
  uint32_t end;
  char data[kCapacity];

  size_t size() const { return end - begin; }
  size_t room() const { return kCapacity - end; }
};
static_assert(sizeof(Segment) == Segment::kBytes);

// Lends segments to the connections that are blocked just now. Returned ones are kept for the next,
// up to a limit. Owner: Engine. Thread: loop. All segments must be back before the pool ends.
class BufferPool {
 public:
  static constexpr size_t kKeptSegments = 1024;  // 16 MiB

  BufferPool() = default;
  BufferPool(const BufferPool&) = delete;
  BufferPool& operator=(const BufferPool&) = delete;
  ~BufferPool();

  // nullptr when memory is out.
  [[nodiscard]] Segment* take();
  void give_back(Segment* segment);

  size_t lent() const { return lent_; }
  size_t peak() const { return peak_; }
  size_t bytes() const { return (lent_ + kept_count_) * Segment::kBytes; }

 private:
  Segment* kept_ = nullptr;
  size_t kept_count_ = 0;
  size_t lent_ = 0;
  size_t peak_ = 0;
};

}  // namespace catzilla::memory
