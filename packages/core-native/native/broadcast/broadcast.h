#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <span>
#include <vector>

#include "base/slab.h"
#include "broadcast/frame_log.h"
#include "broadcast/subscription.h"
#include "broadcast/terms.h"
#include "conn/engine.h"
#include "conn/feed.h"

namespace catzilla::broadcast {

// Why an exchange is the application's again.
enum class Release : uint32_t {
  through = 1,  // the topic is closed, and it has had everything
  evicted = 2,  // too far behind
  late = 3,     // the peer took too long for what waited for it
  failed = 4,   // memory is out
};

struct Counts {
  uint64_t dropped = 0;
  uint64_t coalesced = 0;
  uint64_t evicted = 0;
};

struct TopicStats {
  uint32_t subscribers = 0;
  uint64_t held_frames = 0;
  uint64_t held_bytes = 0;
};

// What is published goes to all who have joined: encoded once, framed once, and from there on
// without the application.
//
//   Topic: log ◀─ cursor ─ Subscription ◀─ slot ─ Connection
//          idle ─ publish() ─▶ round ─ on_serve() ─▶ idle, or behind ─ on_room() ─▶ …
//
// What is published within one turn leaves a socket in one call, in the check phase; sends take
// 2 ms, then the loop gets its turn. For a peer that takes no more, nothing is queued: its cursor
// waits, and the policy of its terms decides when something is published. Nothing of a frame is
// copied for one subscriber, but what its terms make its own (frames that are left out).
//
// A topic ends with its last subscription: whoever publishes has the log that replays the past.
//
// Owner: bindings; outlives the engine's connections. Thread: loop, all methods.
class Broadcast final : public conn::Feed {
 public:
  explicit Broadcast(conn::Engine& engine) : engine_(engine) { engine.attach(*this); }

  // An empty handle when memory is out. It ends when it is left, so join at once.
  Handle open(uint64_t newest);
  // Hands an open exchange over: it gets what comes behind `newest` of its topic. `false` where its
  // response cannot be written from here.
  [[nodiscard]] bool join(Handle topic, Handle exchange, const Terms& terms);

  // Gives what the policies counted. `superseded` is the sequence that the frame brings up to date,
  // or 0; `left_out` are exchanges whose filter does not let it pass. `false` when
  // nobody listens (any more).
  bool publish(Handle topic, Slice body, uint64_t superseded, std::span<const Handle> left_out,
               Counts& counts);
  // Whoever has had everything is released.
  void close(Handle topic);
  // Releases all at once, and gives their exchanges: nothing is told.
  std::vector<Handle> abort(Handle topic);
  // What the application says of the frames that it heard were missed; may be empty.
  void tell_missed(Handle exchange, Slice body);

  [[nodiscard]] bool has_joined(Handle exchange) {
    return engine_.feed_of(exchange) != conn::Feed::kNone;
  }
  [[nodiscard]] TopicStats stats(Handle topic);
  // Of all topics.
  [[nodiscard]] std::vector<Handle> exchanges();

  // conn::Feed
  void on_room(uint32_t id) override;
  void on_half_closed(uint32_t id) override;
  void on_deadline(uint32_t id) override;
  void on_left(uint32_t id) override;
  void on_tell() override;
  bool on_serve() override;

 private:
  // Subscriptions of a topic, linked through themselves.
  struct Members {
    uint32_t first = UINT32_MAX;
    uint32_t last = UINT32_MAX;
  };
  struct Topic {
    FrameLog log;
    std::array<Members, 3> lists;
    uint32_t subscribers = 0;
    bool news = false;    // something was published since this round began, or the topic closed
    bool queued = false;  // in active_
    bool closed = false;
    bool busy = false;  // must not end just now

    Members& members(List list) { return lists[static_cast<size_t>(list)]; }
  };
  struct Notice {
    conn::EventKind kind;
    Handle exchange;
    uint32_t detail;
  };

  // Reading
  void deliver(uint32_t id);
  bool send(uint32_t id, const memory::FrameRef& frame);
  void ask(uint32_t id);
  void begin_round(Topic& topic);

  // Policies
  void offer(uint32_t id, uint64_t sequence, uint64_t superseded, Counts& counts);
  bool is_full(const Topic& topic, const Subscription& subscription) const;
  void drop_oldest(Topic& topic, Subscription& subscription, Counts& counts);
  static bool is_skipped(const Subscription& subscription, uint64_t sequence);
  void skip(Topic& topic, Subscription& subscription, uint64_t sequence, bool loss);
  void step_over_skips(Topic& topic, Subscription& subscription);
  void advance(Topic& topic, Subscription& subscription, uint64_t to);

  // Coming and going
  void release(uint32_t id, Release why);
  void remove(uint32_t id);
  bool end_if_left(uint32_t number);
  void note(conn::EventKind kind, Handle exchange, uint32_t detail);
  void activate(uint32_t number);
  void put(uint32_t id, List list);
  void put_in(uint32_t id);
  void take_out(uint32_t id);

  // Time
  uint32_t now() const;
  void wait_for_peer(uint32_t id);
  void rest(uint32_t id);
  uint32_t patience_ms() const;

  conn::Engine& engine_;
  Slab<Subscription> subscriptions_;
  Slab<Topic> topics_;
  TermsTable terms_;
  std::deque<Handle> active_;  // topics with a round under way
  std::deque<Notice> notices_;
  uint32_t sends_ = 0;  // of this turn
};

}  // namespace catzilla::broadcast
