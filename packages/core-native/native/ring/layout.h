#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>

namespace catzilla::ring {

// The shared memory of a ring, as docs/ring.md describes it; src/ring/layout.ts of
// @catzilla/streaming is its twin. Each side's words lie on cache lines of their own: 128 bytes, as
// processors fetch lines in pairs.

inline constexpr uint32_t kMagic = 0x42525a43;  // "CZRB"
inline constexpr uint32_t kVersion = 1;
inline constexpr size_t kHeaderBytes = 512;
inline constexpr uint32_t kSmallestCapacity = 8;
inline constexpr uint32_t kLargestCapacity = uint32_t{1} << 30;
inline constexpr uint32_t kLengthBytes = 4;

enum class Kind : uint32_t { bytes = 0, records = 1 };
enum class ProducerState : uint32_t { open = 0, ended = 1, failed = 2 };
enum class ConsumerState : uint32_t { open = 0, cancelled = 1 };

using Word = std::atomic<uint32_t>;
static_assert(sizeof(Word) == 4 && Word::is_always_lock_free);

struct Header {
  // Written once.
  uint32_t magic;
  uint32_t version;
  uint32_t kind;
  uint32_t capacity;

  // The producer's line.
  alignas(128) Word tail;
  Word producer_state;
  Word consumer_sleeps;  // 1 while it does; here, as the producer looks at it at each publish()

  // The consumer's line.
  alignas(128) Word head;
  Word consumer_state;
  Word producer_sleeps;  // free bytes that it waits for; 0 while it is awake

  // Why the producer has failed.
  alignas(128) Word failure_length;
  char failure[124];
};
static_assert(sizeof(Header) == kHeaderBytes);
static_assert(offsetof(Header, tail) == 128 && offsetof(Header, head) == 256);
static_assert(offsetof(Header, failure) == 388);

// Bytes that a record takes: padded, so that no length word wraps. Of at most kLargestCapacity.
constexpr uint64_t record_size(uint64_t length) {
  return kLengthBytes + ((length + 3) & ~uint64_t{3});
}

}  // namespace catzilla::ring
