// Topics on a scripted kernel: what reaches whom, when, in how many calls, and what is held for it.

#include <doctest/doctest.h>

#include "test/listeners.h"

namespace catzilla::test {
namespace {

using broadcast::Policy;
using broadcast::Release;
using broadcast::Terms;
using conn::EventKind;

// A peer whose kernel is full, with one frame on its way to it.
Peer& stalled(Listeners& stage, const Terms& terms) {
  Peer& peer = stage.listen(terms);
  peer.room = 0;
  stage.say("[stalls]");
  return peer;
}

std::string read_on(Listeners& stage, Peer& peer) {
  stage.room(peer, SIZE_MAX);
  return stage.text_of(peer).substr(std::string_view("[stalls]").size());
}

// ── publishing ───────────────────────────────────────────────────────────────────────────────────

TEST_CASE_FIXTURE(Listeners, "all who listen get what is published from then on") {
  Peer& early = listen();
  say("one ");
  Peer& late = listen();
  say("two");
  CHECK(text_of(early) == "one two");
  CHECK(text_of(late) == "two");
  CHECK(broadcast.stats(topic).subscribers == 2);
  CHECK(broadcast.stats(topic).held_frames == 0);
}

TEST_CASE_FIXTURE(Listeners, "what one turn publishes leaves a socket in one call, as one chunk") {
  Peer& peer = listen();
  const size_t writes = kernel.writes();
  for (int i = 0; i < 10; ++i)
    publish(std::to_string(i));
  CHECK(kernel.writes() == writes);
  kernel.run();
  CHECK(kernel.writes() == writes + 1);
  CHECK(received(peer).ends_with("\r\n\r\na\r\n0123456789\r\n"));
}

TEST_CASE_FIXTURE(Listeners, "empty frames send nothing, and end nothing") {
  Peer& peer = listen();
  const size_t writes = kernel.writes();
  say("");
  CHECK(kernel.writes() == writes);
  say("x");
  CHECK(text_of(peer) == "x");
}

TEST_CASE_FIXTURE(Listeners, "a peer of HTTP/1.0 gets the frames bare") {
  Peer& peer = listen({}, "GET / HTTP/1.0\r\n\r\n");
  say("one ");
  say("two");
  CHECK(received(peer) == "HTTP/1.1 200 OK\r\nconnection: close\r\n\r\none two");
}

TEST_CASE_FIXTURE(Listeners, "much at once goes out in batches, and others get their turn") {
  Peer& peer = listen();
  std::string all;
  for (int i = 0; i < 200; ++i) {
    publish(std::string(10'000, static_cast<char>('a' + i % 26)));
    all += std::string(10'000, static_cast<char>('a' + i % 26));
  }
  kernel.run();
  CHECK(text_of(peer) == all);
}

TEST_CASE_FIXTURE(Listeners, "who is left out gets nothing of the frame, and it is no loss") {
  Terms all;
  all.tells_missed = true;
  Peer& some = listen(all);
  Peer& every = listen(all);
  publish("1", 0, {exchange_of(some)});
  publish("2", 0, {});
  publish("3", 0, {exchange_of(some), {12345, 1}, {every.id, 0}});
  kernel.run();
  CHECK(text_of(some) == "2");
  CHECK(text_of(every) == "123");
  CHECK(application.news() == "request /, request /");
  CHECK(broadcast.stats(topic).held_frames == 0);
}

// ── who can join ─────────────────────────────────────────────────────────────────────────────────

TEST_CASE_FIXTURE(Listeners, "only an open answer without a length can join, and only once") {
  open(get("/"));
  CHECK_FALSE(join(exchange()));
  start_sized(10, "some");
  CHECK_FALSE(join(exchange()));
  open("HEAD / HTTP/1.1\r\nhost: a\r\n\r\n");
  start();
  CHECK_FALSE(join(exchange()));
  open("POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 5\r\n\r\nhe");
  start();
  CHECK_FALSE(join(exchange()));
  listen();
  CHECK_FALSE(join(exchange()));
  CHECK_FALSE(broadcast.join(topic, {99, 1}, {}));
  CHECK_FALSE(broadcast.join({77, 3}, exchange(), {}));
  CHECK(broadcast.stats(topic).subscribers == 1);
}

TEST_CASE_FIXTURE(Listeners, "who joins with bytes on their way gets the topic behind them") {
  Peer& peer = open(get("/"));
  start();
  peer.room = 3;
  write("lead ");
  REQUIRE(join(exchange()));
  say("one");
  room(peer, SIZE_MAX);
  CHECK(text_of(peer) == "lead one");
}

// ── ends ─────────────────────────────────────────────────────────────────────────────────────────

TEST_CASE_FIXTURE(Listeners, "a closed topic gives its exchanges back when all is sent") {
  Peer& waiting = listen();
  Peer& slow = stalled(*this, {});
  publish("bye");
  broadcast.close(topic);
  kernel.run();
  CHECK(application.news() == "request /, request /, released");
  CHECK(application.heard.back().detail == static_cast<uint32_t>(Release::through));
  CHECK(text_of(waiting) == "[stalls]bye");
  CHECK(engine.finish(exchange_of(waiting), {}) == conn::WriteStatus::ok);
  room(slow, SIZE_MAX);
  CHECK(application.news() == "released");
  CHECK(text_of(slow) == "[stalls]bye");
  CHECK_FALSE(publish("late"));
}

TEST_CASE_FIXTURE(Listeners, "keep-alive goes on behind a topic that ended well") {
  Peer& peer = listen();
  say("x");
  broadcast.close(topic);
  kernel.run();
  engine.finish(exchange_of(peer), {});
  send(peer, get("/next"));
  CHECK(application.news() == "request /, released, request /next");
}

TEST_CASE_FIXTURE(Listeners, "an aborted topic gives back all at once, and tells nothing") {
  Peer& waiting = listen();
  Peer& slow = stalled(*this, {});
  const auto freed = broadcast.abort(topic);
  CHECK(freed.size() == 2);
  kernel.run();
  CHECK(application.news() == "request /, request /");
  for (const Handle each : freed)
    engine.abort(each);
  kernel.run();
  CHECK(waiting.ended());
  CHECK_FALSE(text_of(waiting).ends_with("|"));
  CHECK(slow.fin_received == false);
}

TEST_CASE_FIXTURE(Listeners, "a peer that leaves is forgotten, and so is what only it needed") {
  Peer& stays = listen();
  Peer& leaves = stalled(*this, {});
  say("for the stalled one");
  CHECK(broadcast.stats(topic).held_frames == 1);
  reset(leaves);
  CHECK(application.news() == "request /, request /, lost");
  CHECK(broadcast.stats(topic).subscribers == 1);
  CHECK(broadcast.stats(topic).held_frames == 0);
  kernel.vanish(stays);
  say("finds nobody");
  CHECK(application.news() == "lost");
  CHECK_FALSE(publish("nobody"));
}

TEST_CASE_FIXTURE(Listeners, "an exchange that is aborted has left its topic") {
  listen();
  engine.abort(exchange());
  CHECK_FALSE(publish("nobody"));
}

TEST_CASE_FIXTURE(Listeners, "reset_all in the middle of a round leaves nothing") {
  for (int i = 0; i < 5; ++i)
    listen();
  publish("x");
  engine.reset_all();
  kernel.run();
  CHECK_FALSE(publish("nobody"));
}

// ── peers that are behind ────────────────────────────────────────────────────────────────────────

TEST_CASE_FIXTURE(Listeners, "drop-oldest keeps the newest, drop-newest the oldest") {
  Peer& oldest = stalled(*this, terms(Policy::drop_oldest, 3));
  Peer& newest_lost = listen(terms(Policy::drop_newest, 3));
  newest_lost.room = 0;
  say("[stalls]");
  for (const char* text : {"1", "2", "3", "4", "5"})
    publish(text);
  kernel.run();
  CHECK(counts.dropped == 2 + 3);
  CHECK(read_on(*this, oldest) == "345");
  CHECK(read_on(*this, newest_lost) == "123");
  say("6");
  CHECK(text_of(newest_lost).ends_with("1236"));
}

TEST_CASE_FIXTURE(Listeners, "coalesce: of each key the newest waits") {
  Peer& peer = stalled(*this, terms(Policy::coalesce, 10));
  std::map<char, uint64_t> last;
  for (const std::string text : {"a1", "b1", "a2", "c1", "b2", "a3"}) {
    publish(text, last[text[0]]);
    last[text[0]] = newest;
  }
  CHECK(counts.coalesced == 3);
  CHECK(counts.dropped == 0);
  CHECK(read_on(*this, peer) == "c1b2a3");
}

TEST_CASE_FIXTURE(Listeners, "evict: the exchange is given back, its peer being behind") {
  Peer& peer = stalled(*this, terms(Policy::evict, 2));
  publish("1");
  publish("2");
  CHECK(counts.evicted == 0);
  CHECK_FALSE(publish("3"));
  CHECK(counts.evicted == 1);
  kernel.run();
  CHECK(application.news() == "request /, released");
  CHECK(application.heard.back().detail == static_cast<uint32_t>(Release::evicted));
  engine.abort(exchange());
  room(peer, SIZE_MAX);
  CHECK(text_of(peer) == "[stalls]");
}

TEST_CASE_FIXTURE(Listeners, "bytes are bounded as frames are") {
  Peer& peer = stalled(*this, terms(Policy::drop_oldest, 100, 10));
  for (const char* text : {"aaaaaa", "bbbb", "cccccc"})
    publish(text);
  CHECK(broadcast.stats(topic).held_bytes == 10);
  CHECK(read_on(*this, peer) == "bbbbcccccc");
}

TEST_CASE_FIXTURE(Listeners, "policies touch nobody who keeps up") {
  Peer& peer = listen(terms(Policy::evict, 1));
  for (int i = 0; i < 100; ++i)
    publish("x");
  kernel.run();
  CHECK(text_of(peer) == std::string(100, 'x'));
  CHECK(counts.evicted == 0);
}

TEST_CASE_FIXTURE(Listeners, "the application says what stands in the place of lost frames") {
  application.on_event = [this](const Event& event) {
    if (event.kind != EventKind::missed) return;
    broadcast.tell_missed(event.exchange, slice_of("<" + std::to_string(event.detail) + ">"));
  };
  Terms oldest = terms(Policy::drop_oldest, 3);
  Terms newest_lost = terms(Policy::drop_newest, 3);
  oldest.tells_missed = newest_lost.tells_missed = true;
  Peer& first = stalled(*this, oldest);
  Peer& second = listen(newest_lost);
  second.room = 0;
  say("[stalls]");
  for (const char* text : {"1", "2", "3", "4", "5"})
    publish(text);
  CHECK(read_on(*this, first) == "<3>345");
  CHECK(read_on(*this, second) == "123<2>");
  say("6");
  CHECK(text_of(first).ends_with("3456"));
  CHECK(text_of(second).ends_with("<2>6"));
}

TEST_CASE_FIXTURE(Listeners,
                  "who stalls at different places shares the frames, and nothing is copied") {
  kernel.wakes = FakeKernel::Wakes::told;
  std::vector<Peer*> peers;
  for (int i = 0; i < 10; ++i) {
    peers.push_back(&listen());
    peers.back()->room = static_cast<size_t>(i) * 100;
  }
  say(std::string(1000, 'x'));
  CHECK(engine.stats().pool_bytes == 0);
  CHECK(engine.stats().buffered_bytes > 5000);
  for (Peer* peer : peers)
    room(*peer, SIZE_MAX);
  for (Peer* peer : peers)
    CHECK(text_of(*peer) == std::string(1000, 'x'));
}

// ── time ─────────────────────────────────────────────────────────────────────────────────────────

Terms beating(uint32_t ms) {
  Terms terms;
  terms.heartbeat_ms = ms;
  terms.heartbeat = frame_of(":\n");
  return terms;
}

TEST_CASE_FIXTURE(Listeners, "a heartbeat comes after silence, and each write puts it off") {
  Peer& peer = listen(beating(1000));
  kernel.advance(999);
  CHECK(text_of(peer) == "");
  kernel.advance(1 + 2 * kernel.tick_ms());
  CHECK(text_of(peer) == ":\n");
  kernel.advance(500);
  say("x");
  kernel.advance(999);
  CHECK(text_of(peer) == ":\nx");
  kernel.advance(1 + 2 * kernel.tick_ms());
  CHECK(text_of(peer) == ":\nx:\n");
}

TEST_CASE_FIXTURE(Listeners, "a peer that takes nothing for too long is given back") {
  Terms patient;
  patient.stall_ms = 1000;
  stalled(*this, patient);
  kernel.advance(900);
  CHECK(application.news() == "request /");
  kernel.advance(500);
  CHECK(application.news() == "released");
  CHECK(application.heard.back().detail == static_cast<uint32_t>(Release::late));
}

TEST_CASE_FIXTURE(Listeners, "a peer below the minimum rate is given back after a grace") {
  Terms rate;
  rate.min_bytes_per_second = 1e9;
  stalled(*this, rate);
  kernel.advance(4900);
  CHECK(application.news() == "request /");
  kernel.advance(500);
  CHECK(application.news() == "released");
}

TEST_CASE_FIXTURE(Listeners, "FIN: the peer is probed at once, and given up when nothing follows") {
  Peer& peer = listen(beating(60'000));
  finish(peer);
  CHECK(text_of(peer) == ":\n");
  kernel.advance(500);
  say("x");
  kernel.advance(600);
  CHECK(application.news() == "request /");
  kernel.advance(150 + kernel.tick_ms());
  CHECK(application.news() == "lost");
  CHECK(text_of(peer) == ":\nx");
}

TEST_CASE_FIXTURE(Listeners,
                  "FIN of a peer that is behind: its own deadline runs, then its silence") {
  Peer& peer = stalled(*this, beating(60'000));
  finish(peer);
  kernel.advance(2000);
  CHECK(application.news() == "request /");
  room(peer, SIZE_MAX);
  CHECK(text_of(peer) == "[stalls]");
  kernel.advance(1500);
  CHECK(application.news() == "lost");
}

// ── many ─────────────────────────────────────────────────────────────────────────────────────────

TEST_CASE_FIXTURE(Listeners, "topics side by side, and the same terms are kept once") {
  Peer& first = listen(beating(1000));
  const Handle other = broadcast.open(0);
  Peer& second = open(get("/"));
  start();
  REQUIRE(broadcast.join(other, exchange(), beating(1000)));
  say("first");
  broadcast::Counts none;
  CHECK(broadcast.publish(other, slice_of("second"), 0, {}, none));
  kernel.run();
  CHECK(text_of(first) == "first");
  CHECK(text_of(second) == "second");
  CHECK(broadcast.exchanges().size() == 2);
}

static_assert(sizeof(broadcast::Subscription) <= 48);
static_assert(Slab<conn::Connection>::kCellBytes <= 192);

}  // namespace
}  // namespace catzilla::test
