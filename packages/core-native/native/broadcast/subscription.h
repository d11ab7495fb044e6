#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "base/slab.h"
#include "memory/shared_frame.h"

namespace catzilla::broadcast {

// What happens to a subscriber whose peer is behind by more than its bounds; `QueuePolicy` in
// streaming/src/topic/options.ts says what each means.
enum class Policy : uint8_t { drop_oldest, drop_newest, coalesce, evict };

// How a stream reads its topic, shared by all that do it alike.
struct Terms {
  Policy policy = Policy::drop_oldest;
  bool tells_missed = false;  // the application says something in the place of lost frames
  uint64_t max_frames = UINT64_MAX;
  uint64_t max_bytes = UINT64_MAX;
  uint32_t heartbeat_ms = 0;  // without a byte; 0 for none
  memory::FrameRef heartbeat;
  uint32_t stall_ms = 0;  // for the peer to take what waits for it; 0 for ever
  double min_bytes_per_second = 0;
};

// Frames from the cursor on that a subscriber does not get. Only who is behind, or has a filter,
// has any.
struct Skipped {
  struct Skip {
    uint64_t sequence;
    bool loss;  // and no choice of a filter, or a newer state
  };
  std::vector<Skip> skips;  // in order, never empty
  uint64_t bytes = 0;
};

enum class List : uint8_t {
  idle,    // has had everything
  round,   // is to be served
  behind,  // its peer takes no more, or the application is being asked what to say of lost frames
};

// A cursor in a topic's log. Small, as there are as many as open streams. Owner: Broadcast's slab,
// which the connection's slot names. Thread: loop.
struct Subscription {
  uint64_t cursor = 0;
  std::unique_ptr<Skipped> skipped;
  uint32_t next = UINT32_MAX;  // in its list
  uint32_t previous = UINT32_MAX;
  uint32_t slot = 0;  // of the connection
  uint32_t topic = 0;
  uint32_t terms = 0;
  uint32_t lost = 0;      // frames, just before the cursor
  uint32_t wrote_at = 0;  // milliseconds of the loop's clock, cut to 32 bits
  List list = List::idle;
  bool asking : 1 = false;  // what to say of `lost`
  bool half_closed : 1 = false;
  bool beat_due : 1 = false;
};
static_assert(sizeof(Subscription) <= 48);

}  // namespace catzilla::broadcast
