#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <span>

#include "base/slice.h"
#include "memory/buffer_pool.h"
#include "memory/external_bytes.h"

namespace catzilla::memory {

// Bytes taken from the application and not yet by the kernel, in order. Small ones are copied into
// pooled segments; what is left of a large buffer stays where it is and is copied a window at a
// time, when its turn comes.
//
//   first ─▶ [ segments: 3 | then external: 40 KiB to go ] ─▶ [ segments: 1 | - ] ◀─ last
//
// Owner: Connection, which clears it before the pool ends. Thread: loop. An empty queue holds no
// memory.
class OutputQueue {
 public:
  static constexpr size_t kWindowSlices = 4;
  // Of an external buffer, at a time, where it is not copied.
  static constexpr uint64_t kDirectBytes = kWindowSlices * Segment::kBytes;
  using Window = std::array<Slice, kWindowSlices>;

  OutputQueue() = default;
  OutputQueue(const OutputQueue&) = delete;
  OutputQueue& operator=(const OutputQueue&) = delete;

  bool empty() const { return bytes_ == 0; }
  uint64_t bytes() const { return bytes_; }

  // Copies. `false` when memory is out; then the stream is broken and only clear() makes sense.
  [[nodiscard]] bool append(BufferPool& pool, Slice bytes);

  // Keeps `source`, and sends its bytes from `offset` to `end`.
  [[nodiscard]] bool append(std::unique_ptr<ExternalBytes> source, uint64_t offset, uint64_t end);

  // Fills `window` with the first bytes, and gives the number of slices. With `holds`, they are in
  // memory that holds until they are consumed; without it, only until JavaScript runs again, and
  // nothing is copied. 0 although the queue is not empty: an external buffer was taken away, or
  // memory is out; the stream is broken.
  [[nodiscard]] size_t window(BufferPool& pool, Window& window, bool holds);

  void consume(BufferPool& pool, size_t count);
  void clear(BufferPool& pool);

 private:
  // Copied bytes, then external ones.
  struct Node {
    Node* next = nullptr;
    Segment* first = nullptr;
    Segment* last = nullptr;
    std::unique_ptr<ExternalBytes> external;
    uint64_t offset = 0;  // where in `external` its uncopied bytes begin
    uint64_t end = 0;     // how long `external` must still be
  };

  Node* open_node();
  void drop_first();
  [[nodiscard]] static size_t copy(Node& node, BufferPool& pool, Slice bytes);
  [[nodiscard]] static bool refill(Node& node, BufferPool& pool);

  Node* first_ = nullptr;
  Node* last_ = nullptr;
  uint64_t bytes_ = 0;
};

}  // namespace catzilla::memory
