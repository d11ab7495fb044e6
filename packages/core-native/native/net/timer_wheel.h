#pragma once

#include <array>
#include <cstdint>

namespace catzilla::net {

// Place of a slot in the wheel. Lives in the slot, so that a deadline costs no memory of its own.
struct TimerLink {
  static constexpr uint32_t kNone = UINT32_MAX;
  uint32_t next = kNone;
  uint32_t previous = kNone;
  uint16_t bucket = UINT16_MAX;  // UINT16_MAX: no deadline
  uint16_t rounds = 0;           // full turns of the wheel still to go
};

// Deadlines of many slots with one timer of the loop: a hashed wheel, as coarse as its tick.
//
//   bucket:   0    1    2  …  127     each a list through the slots' links
//                  ▲ hand: what hangs here with no round to go is due at this tick
//
// A deadline comes up to one tick late, never early. set, clear: O(1); a tick walks one bucket.
// Thread: loop.
template <typename LinkOf>
class TimerWheel {
 public:
  static constexpr uint16_t kBuckets = 128;

  // `link_of(slot)` gives the TimerLink& of a slot.
  TimerWheel(LinkOf link_of, uint32_t tick_ms) : link_of_(link_of), tick_ms_(tick_ms) {
    heads_.fill(TimerLink::kNone);
  }

  bool empty() const { return size_ == 0; }
  uint32_t tick_ms() const { return tick_ms_; }

  // Replaces an earlier deadline of the slot. One beyond the wheel's reach (23 hours with a tick of
  // 10 ms) is none: it would come too early.
  void set(uint32_t slot, uint32_t after_ms) {
    clear(slot);
    const uint32_t ticks = after_ms / tick_ms_ + 1;  // the current tick is partly over
    const uint32_t rounds = (ticks - 1) / kBuckets;
    if (rounds > UINT16_MAX) return;
    hang(slot, static_cast<uint16_t>((hand_ + ticks) % kBuckets));
    link_of_(slot).rounds = static_cast<uint16_t>(rounds);
  }

  void clear(uint32_t slot) {
    TimerLink& link = link_of_(slot);
    if (link.bucket == UINT16_MAX) return;
    if (link.previous != TimerLink::kNone) {
      link_of_(link.previous).next = link.next;
    } else {
      heads_[link.bucket] = link.next;
    }
    if (link.next != TimerLink::kNone) link_of_(link.next).previous = link.previous;
    link = TimerLink{};
    --size_;
  }

  // Moves the hand and calls `expire(slot)` for each slot that is due, its deadline cleared.
  // `expire` may set and clear deadlines of any slot.
  template <typename Expire>
  void tick(Expire expire) {
    hand_ = static_cast<uint16_t>((hand_ + 1) % kBuckets);
    for (uint32_t slot = heads_[hand_]; slot != TimerLink::kNone;) {
      const uint32_t next = link_of_(slot).next;
      if (link_of_(slot).rounds > 0) {
        --link_of_(slot).rounds;
      } else {
        clear(slot);
        hang(slot, kDue);
      }
      slot = next;
    }
    while (heads_[kDue] != TimerLink::kNone) {
      const uint32_t slot = heads_[kDue];
      clear(slot);
      expire(slot);
    }
  }

 private:
  // One list more, for what is due now: `expire` may change the list of any bucket.
  static constexpr uint16_t kDue = kBuckets;

  void hang(uint32_t slot, uint16_t bucket) {
    TimerLink& link = link_of_(slot);
    link.bucket = bucket;
    link.next = heads_[bucket];
    if (link.next != TimerLink::kNone) link_of_(link.next).previous = slot;
    heads_[bucket] = slot;
    ++size_;
  }

  LinkOf link_of_;
  uint32_t tick_ms_;
  uint16_t hand_ = 0;
  uint32_t size_ = 0;
  std::array<uint32_t, kBuckets + 1> heads_;
};

}  // namespace catzilla::net
