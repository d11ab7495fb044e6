#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <vector>

#include "memory/shared_frame.h"

namespace catzilla::broadcast {

// Frames from one sequence on, joined.
struct Batch {
  uint64_t from = 0;
  uint64_t next = 0;   // the sequence behind it
  uint64_t limit = 0;  // where it had to end
  memory::FrameRef frame;
};

// What was published, in order: each frame once, however many cursors point into it. Sequences
// have no gaps while anything is held.
//
//   [ oldest | … | newest ]  (newest + 1: who stands there has had everything)
//
// Each place knows how many cursors stand at it; what lies before the first of them is forgotten.
// append, move: O(1), but for what is forgotten. Owner: Topic. Thread: loop.
class FrameLog {
 public:
  // Frames are joined up to this size; the last may go beyond it.
  static constexpr uint64_t kBatchBytes = 32 * 1024;

  // The sequence published last.
  uint64_t newest() const { return newest_; }
  uint64_t oldest() const { return newest_ + 1 - entries_.size(); }
  size_t size() const { return entries_.size(); }
  uint64_t bytes() const { return bytes_from(oldest()); }
  uint64_t bytes_from(uint64_t sequence) const {
    return sequence > newest_ ? 0 : end_ - at(sequence).offset;
  }
  const memory::FrameRef& frame(uint64_t sequence) const { return at(sequence).frame; }

  // While nothing is held and nobody stands here.
  void begin_behind(uint64_t sequence) { newest_ = sequence; }
  void append(memory::FrameRef frame);

  // A cursor comes, at newest() + 1; goes on; leaves.
  void enter() { ++waiting_; }
  void move(uint64_t from, uint64_t to);
  void leave(uint64_t from);

  // From `sequence`, which is held, up to `limit` (exclusive): made once for all who ask for the
  // same. An empty frame where memory is out.
  Batch batch(uint64_t sequence, uint64_t limit);

 private:
  static constexpr size_t kKeptBatches = 16;

  struct Entry {
    memory::FrameRef frame;
    uint64_t offset;  // bytes published before it
    uint32_t standing;
  };

  Entry& at(uint64_t sequence) { return entries_[sequence - oldest()]; }
  const Entry& at(uint64_t sequence) const { return entries_[sequence - oldest()]; }
  uint32_t& standing(uint64_t sequence) {
    return sequence > newest_ ? waiting_ : at(sequence).standing;
  }
  void trim();

  std::deque<Entry> entries_;
  uint64_t newest_ = 0;
  uint64_t end_ = 0;      // bytes published in all
  uint32_t waiting_ = 0;  // cursors at newest_ + 1
  std::vector<Batch> batches_;
};

}  // namespace catzilla::broadcast
