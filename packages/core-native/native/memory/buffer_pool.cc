#include "memory/buffer_pool.h"

#include <cstdlib>

namespace catzilla::memory {

BufferPool::~BufferPool() {
  while (kept_ != nullptr) {
    Segment* next = kept_->next;
    std::free(kept_);
    kept_ = next;
  }
}

Segment* BufferPool::take() {
  Segment* segment = kept_;
  if (segment != nullptr) {
    kept_ = segment->next;
    --kept_count_;
  } else {
    segment = static_cast<Segment*>(std::malloc(sizeof(Segment)));
    if (segment == nullptr) return nullptr;
  }
  segment->next = nullptr;
  segment->begin = segment->end = 0;
  if (++lent_ > peak_) peak_ = lent_;
  return segment;
}

void BufferPool::give_back(Segment* segment) {
  --lent_;
  if (kept_count_ >= kKeptSegments) {
    std::free(segment);
    return;
  }
  segment->next = kept_;
  kept_ = segment;
  ++kept_count_;
}

}  // namespace catzilla::memory
