// The log with its cursors, against what it stands for: a queue for each peer. Both get the same
// random publishing, and peers that stall and read on; the one of the JavaScript topic is
// streaming/test/topic/model.test.ts.

#include <doctest/doctest.h>

#include <algorithm>
#include <deque>
#include <map>
#include <random>

#include "test/listeners.h"

namespace catzilla::test {
namespace {

using broadcast::Policy;
using broadcast::Terms;

constexpr uint64_t kMaxFrames = 4;
constexpr uint64_t kMaxBytes = 30;

// One subscriber as a plain queue. A lost frame is an entry without text.
struct Queue {
  struct Entry {
    uint64_t sequence;
    std::string text;
    uint32_t lost = 0;
  };

  Queue(Policy its_policy, bool tells_missed) : policy(its_policy), tells(tells_missed) {}

  Policy policy;
  bool tells;
  std::deque<Entry> entries;
  bool behind = false;
  bool evicted = false;
  std::string on_its_way;  // to a peer that takes nothing
  std::string text;
  uint64_t dropped = 0;

  bool is_full(std::string_view more = "", uint64_t one = 0) const {
    uint64_t frames = one;
    uint64_t bytes = more.size();
    for (const Entry& entry : entries) {
      if (entry.lost > 0) continue;
      ++frames;
      bytes += entry.text.size();
    }
    return frames > kMaxFrames || bytes > kMaxBytes;
  }

  void offer(uint64_t sequence, const std::string& frame, uint64_t superseded) {
    if (evicted) return;
    if (behind && policy == Policy::coalesce)
      std::erase_if(entries, [=](const Entry& each) {
        return each.sequence == superseded && each.lost == 0;
      });
    if (behind && policy == Policy::drop_newest && is_full(frame, 1))
      return lose(entries.size(), sequence);
    entries.push_back({sequence, frame});
    if (!behind || !is_full()) return;
    if (policy == Policy::evict) {
      evicted = true;
      return;
    }
    while (is_full() && std::ranges::count(entries, 0U, &Entry::lost) > 1) {
      const auto oldest = std::ranges::find(entries, 0U, &Entry::lost);
      const auto at = static_cast<size_t>(oldest - entries.begin());
      const uint64_t lost = oldest->sequence;
      entries.erase(oldest);
      lose(at, lost);
    }
  }

  void lose(size_t at, uint64_t sequence) {
    ++dropped;
    if (at > 0 && entries[at - 1].lost > 0) {
      ++entries[at - 1].lost;
    } else {
      entries.insert(entries.begin() + static_cast<ptrdiff_t>(at), {sequence, "", 1});
    }
  }

  // What a socket is given in one call: frames without a gap, or what is said of lost ones.
  std::string take_batch() {
    std::string batch;
    for (uint64_t next = 0; !entries.empty(); entries.pop_front()) {
      const Entry& entry = entries.front();
      if (entry.lost > 0) {
        if (!batch.empty()) return batch;
        if (!tells) continue;
        batch = "<" + std::to_string(entry.lost) + ">";
        entries.pop_front();
        return batch;
      }
      if (!batch.empty() && entry.sequence != next) return batch;
      batch += entry.text;
      next = entry.sequence + 1;
    }
    return batch;
  }

  void serve(bool has_room) {
    while (!behind && !evicted) {
      const std::string batch = take_batch();
      if (batch.empty()) return;
      if (has_room) {
        text += batch;
      } else {
        on_its_way = batch;
        behind = true;
      }
    }
  }

  void room() {
    text += on_its_way;
    on_its_way.clear();
    behind = false;
    serve(true);
  }
};

void play(uint32_t seed) {
  std::mt19937 random(seed);
  const auto pick = [&](uint32_t below) { return static_cast<uint32_t>(random() % below); };
  Listeners stage;
  if (pick(2) == 0) stage.kernel.wakes = FakeKernel::Wakes::told;
  stage.application.on_event = [&](const Event& event) {
    if (event.kind == conn::EventKind::missed)
      stage.broadcast.tell_missed(event.exchange,
                                  slice_of("<" + std::to_string(event.detail) + ">"));
    if (event.kind == conn::EventKind::released) stage.engine.abort(event.exchange);
  };
  struct Pair {
    Peer* peer;
    Queue queue;
  };
  std::vector<Pair> pairs;
  for (uint32_t i = 0; i < 12; ++i) {
    const auto policy = static_cast<Policy>(i % 4);
    Terms given = terms(policy, kMaxFrames, kMaxBytes);
    given.tells_missed = pick(2) == 0;
    pairs.push_back({&stage.listen(given), Queue(policy, given.tells_missed)});
  }
  std::map<uint32_t, uint64_t> sequence_of;
  for (int step = 0; step < 400; ++step) {
    Pair& pair = pairs[pick(static_cast<uint32_t>(pairs.size()))];
    const uint32_t what = pick(10);
    if (what < 6) {
      const uint32_t key = pick(4);
      const std::string text =
          std::to_string(stage.newest + 1) + (pick(3) == 0 ? ":1000000 " : ":1 ");
      std::vector<Handle> left_out;
      const bool filtered = pick(8) == 0 && !pair.queue.evicted;
      if (filtered) left_out.push_back(stage.exchange_of(*pair.peer));
      stage.publish(text, sequence_of[key], left_out);
      for (Pair& each : pairs) {
        if (filtered && &each == &pair) continue;
        each.queue.offer(stage.newest, text, sequence_of[key]);
      }
      sequence_of[key] = stage.newest;
    } else if (what < 8) {
      pair.peer->room = 0;
    } else {
      if (pair.queue.evicted) continue;
      stage.kernel.make_room(*pair.peer, SIZE_MAX);
      stage.kernel.run();
      if (pair.queue.behind) pair.queue.room();
    }
    if (pick(3) > 0 && what < 8) continue;
    stage.kernel.run();
    for (Pair& each : pairs) {
      each.queue.serve(each.peer->room > 0);
      if (!each.queue.evicted) REQUIRE(stage.text_of(*each.peer) == each.queue.text);
    }
  }
  uint64_t dropped = 0;
  for (Pair& each : pairs) {
    stage.kernel.make_room(*each.peer, SIZE_MAX);
    dropped += each.queue.dropped;
  }
  stage.kernel.run();
  for (Pair& each : pairs) {
    each.queue.room();
    if (!each.queue.evicted) REQUIRE(stage.text_of(*each.peer) == each.queue.text);
  }
  CHECK(stage.counts.dropped == dropped);
  CHECK(stage.counts.evicted == static_cast<uint64_t>(std::ranges::count_if(
                                    pairs, [](const Pair& each) { return each.queue.evicted; })));
  CHECK(stage.broadcast.stats(stage.topic).held_frames == 0);
}

TEST_CASE("the log does what queues would do") {
  for (uint32_t seed = 0; seed < 200; ++seed) {
    CAPTURE(seed);
    play(seed);
  }
}

}  // namespace
}  // namespace catzilla::test
