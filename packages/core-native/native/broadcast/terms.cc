#include "broadcast/terms.h"

#include <algorithm>

namespace catzilla::broadcast {

namespace {

bool same_bytes(const memory::FrameRef& a, const memory::FrameRef& b) {
  if (!a || !b) return !a && !b;
  return std::ranges::equal(a->body(), b->body());
}

bool same(const Terms& a, const Terms& b) {
  return a.policy == b.policy && a.tells_missed == b.tells_missed && a.max_frames == b.max_frames &&
         a.max_bytes == b.max_bytes && a.heartbeat_ms == b.heartbeat_ms &&
         a.stall_ms == b.stall_ms && a.min_bytes_per_second == b.min_bytes_per_second &&
         same_bytes(a.heartbeat, b.heartbeat);
}

}  // namespace

uint32_t TermsTable::enter(const Terms& terms) {
  const auto fits = [&](uint32_t number) {
    return rows_[number].users > 0 && same(rows_[number].terms, terms);
  };
  if (last_ >= rows_.size() || !fits(last_)) {
    uint32_t free = static_cast<uint32_t>(rows_.size());
    uint32_t number = 0;
    for (; number < rows_.size() && !fits(number); ++number) {
      if (rows_[number].users == 0) free = number;
    }
    if (number == rows_.size()) {
      number = free;
      if (number == rows_.size()) rows_.emplace_back();
      rows_[number].terms = terms;
    }
    last_ = number;
  }
  ++rows_[last_].users;
  return last_;
}

}  // namespace catzilla::broadcast
