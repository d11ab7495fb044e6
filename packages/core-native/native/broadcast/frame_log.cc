#include "broadcast/frame_log.h"

#include <algorithm>
#include <utility>

namespace catzilla::broadcast {

void FrameLog::append(memory::FrameRef frame) {
  const uint64_t bytes = frame->size();
  batches_.clear();
  entries_.push_back({std::move(frame), end_, std::exchange(waiting_, 0)});
  end_ += bytes;
  ++newest_;
}

void FrameLog::move(uint64_t from, uint64_t to) {
  ++standing(to);
  leave(from);
}

void FrameLog::leave(uint64_t from) {
  --standing(from);
  if (from == oldest()) trim();
}

void FrameLog::trim() {
  while (!entries_.empty() && entries_.front().standing == 0)
    entries_.pop_front();
  const uint64_t first = oldest();
  std::erase_if(batches_, [first](const Batch& batch) { return batch.from < first; });
}

Batch FrameLog::batch(uint64_t sequence, uint64_t limit) {
  if (limit == sequence + 1) return {sequence, limit, limit, frame(sequence)};
  for (const Batch& batch : batches_) {
    if (batch.from == sequence && batch.limit == limit) return batch;
  }
  std::vector<Slice> parts;
  uint64_t next = sequence;
  for (uint64_t bytes = 0; next < limit && bytes < kBatchBytes; ++next) {
    bytes += frame(next)->size();
    parts.push_back(frame(next)->body());
  }
  if (next == sequence + 1) return {sequence, next, limit, frame(sequence)};
  Batch batch{sequence, next, limit, memory::FrameRef(memory::SharedFrame::join(parts))};
  if (batches_.size() < kKeptBatches && batch.frame) batches_.push_back(batch);
  return batch;
}

}  // namespace catzilla::broadcast
