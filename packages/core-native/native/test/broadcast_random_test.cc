// Peers that come, join, stall for any number of bytes, close their side and leave, in any order,
// on both kinds of kernel. Whatever happens: what a peer has is well-formed, in order, without a
// frame twice, and once everybody has left nothing is held.

#include <doctest/doctest.h>

#include <charconv>
#include <random>

#include "test/listeners.h"

namespace catzilla::test {
namespace {

using broadcast::Policy;
using broadcast::Terms;

// Frames are "n;", a run of them in order; what is said of losses is "<n>".
struct Seen {
  uint64_t frames = 0;
  uint64_t lost = 0;
};
Seen read(std::string_view text, bool may_be_cut) {
  Seen seen;
  uint64_t last = 0;
  for (size_t at = 0; at < text.size();) {
    if (text[at] == '|' || text[at] == ':') {  // the end, or a heartbeat
      ++at;
      continue;
    }
    const bool notice = text[at] == '<';
    if (notice) ++at;
    uint64_t number = 0;
    const char* end = text.data() + text.size();
    const auto parsed = std::from_chars(text.data() + at, end, number);
    if (parsed.ptr == end && may_be_cut) return seen;
    REQUIRE(parsed.ec == std::errc{});
    REQUIRE(*parsed.ptr == (notice ? '>' : ';'));
    at = static_cast<size_t>(parsed.ptr - text.data()) + 1;
    if (notice) {
      seen.lost += number;
      continue;
    }
    REQUIRE(number > last);
    last = number;
    ++seen.frames;
    while (at < text.size() && text[at] == 'x')
      ++at;
  }
  return seen;
}

void play(uint32_t seed) {
  std::mt19937 random(seed);
  const auto pick = [&](uint32_t below) { return static_cast<uint32_t>(random() % below); };
  Listeners stage;
  if (pick(2) == 0) stage.kernel.wakes = FakeKernel::Wakes::told;
  stage.application.most_events = pick(2) == 0 ? 1000 : 2;
  stage.application.on_event = [&](const Event& event) {
    if (event.kind == conn::EventKind::missed) {
      const std::string notice = "<" + std::to_string(event.detail) + ">";
      stage.broadcast.tell_missed(event.exchange, slice_of(notice));
    }
    if (event.kind == conn::EventKind::released) {
      if (event.detail == static_cast<uint32_t>(broadcast::Release::through)) {
        stage.engine.finish(event.exchange, {});
      } else {
        stage.engine.abort(event.exchange);
      }
    }
    if (event.kind != conn::EventKind::request) return;
    Terms terms;
    terms.policy = static_cast<Policy>(pick(4));
    terms.tells_missed = pick(2) == 0;
    terms.max_frames = 1 + pick(20);
    terms.max_bytes = pick(2) == 0 ? UINT64_MAX : 200 + pick(3000);
    terms.stall_ms = pick(3) == 0 ? 2000 : 0;
    if (pick(2) == 0) {
      terms.heartbeat_ms = 100 + pick(2000);
      terms.heartbeat = frame_of(":");
    }
    stage.engine.start(event.exchange, Stage::plain(), {}, false);
    // Its peer may be gone, or the topic closed.
    if (!stage.join(event.exchange, terms)) stage.engine.abort(event.exchange);
  };
  std::vector<Peer*> peers;
  const auto any = [&] { return peers[pick(static_cast<uint32_t>(peers.size()))]; };
  for (int step = 0; step < 600; ++step) {
    const uint32_t what = pick(20);
    if (peers.empty() || what == 0) {
      peers.push_back(stage.kernel.connect());
      stage.kernel.send(*peers.back(), get("/"));
    } else if (what < 9) {
      std::string frame = std::to_string(stage.newest + 1) + ";";
      frame.append(pick(10) == 0 ? pick(70'000) : pick(40), 'x');
      std::vector<Handle> left_out;
      if (pick(4) == 0 && !any()->closing) left_out.push_back(stage.exchange_of(*any()));
      stage.publish(frame,
                    pick(3) == 0 ? stage.newest - std::min<uint64_t>(stage.newest, pick(9)) : 0,
                    left_out);
    } else if (what < 11) {
      any()->room = pick(500);
    } else if (what < 15) {
      stage.kernel.make_room(*any(), pick(3) == 0 ? SIZE_MAX : pick(100'000));
    } else if (what == 15) {
      Peer& peer = *any();
      if (pick(3) == 0) stage.kernel.finish(peer);
      if (pick(6) == 0) stage.kernel.reset(peer);
      if (pick(6) == 0) stage.kernel.vanish(peer);
    } else if (what == 16) {
      stage.kernel.advance(pick(1000));
    } else if (what == 17 && pick(20) == 0) {
      stage.broadcast.close(stage.topic);
      stage.kernel.run();
      for (const Handle exchange : stage.broadcast.exchanges())
        stage.engine.abort(exchange);
    } else if (what == 18 && pick(20) == 0) {
      for (const Handle exchange : stage.broadcast.abort(stage.topic))
        stage.engine.abort(exchange);
    } else {
      stage.kernel.turn();
    }
  }
  for (Peer* peer : peers) {
    if (!peer->closing) stage.kernel.make_room(*peer, SIZE_MAX);
  }
  stage.kernel.run();
  CHECK(stage.broadcast.stats(stage.topic).held_frames == 0);
  for (Peer* peer : peers)
    read(stage.text_of(*peer), peer->ended() || peer->gone);
  stage.engine.reset_all();
  stage.kernel.run();
  CHECK(stage.broadcast.exchanges().empty());
  CHECK_FALSE(stage.publish("nobody"));
}

TEST_CASE(
    "peers that come, stall and leave in any order find what is in order, and leave nothing") {
  for (uint32_t seed = 0; seed < 150; ++seed) {
    CAPTURE(seed);
    play(seed);
  }
}

}  // namespace
}  // namespace catzilla::test
