// Deadlines. The longest time of each test is far below those it is not about.

#include <doctest/doctest.h>

#include "test/application.h"

namespace catzilla::test {
namespace {

using conn::WriteStatus;

constexpr uint32_t kNever = UINT32_MAX;
constexpr conn::Limits kEndless{.http = {},
                                .head_timeout_ms = kNever,
                                .keep_alive_timeout_ms = kNever,
                                .body_timeout_ms = kNever,
                                .write_timeout_ms = kNever,
                                .linger_timeout_ms = kNever};

struct HeadTimes : Stage {
  HeadTimes()
      : Stage([] {
          conn::Limits limits = kEndless;
          limits.head_timeout_ms = 1000;
          limits.keep_alive_timeout_ms = 5000;
          return limits;
        }()) {}
};

TEST_CASE_FIXTURE(HeadTimes, "a connection that says nothing is closed") {
  Peer& peer = open();
  kernel.advance(1000);
  CHECK_FALSE(peer.closed);
  kernel.advance(100);
  CHECK(peer.closed);
  CHECK(peer.received.empty());
}

TEST_CASE_FIXTURE(HeadTimes, "a head that comes too slowly is answered 408") {
  Peer& peer = open("GET / HTTP/1.1\r\n");
  for (int i = 0; i < 11; ++i) {
    kernel.advance(100);
    send(peer, "x: y\r\n");
  }
  CHECK(received(peer) ==
        "HTTP/1.1 408 Request Timeout\r\ncontent-type: text/plain; charset=utf-8\r\n"
        "connection: close\r\ncontent-length: 31\r\n\r\nRequest Timeout (head-timeout)\n");
  CHECK(peer.fin_received);
}

TEST_CASE_FIXTURE(HeadTimes,
                  "the time of a head runs from its first byte, not from the last answer") {
  Peer& peer = open(get("/"));
  answer("");
  kernel.advance(4000);
  send(peer, "GET / HTTP/1.1\r\n");
  kernel.advance(900);
  send(peer, "host: a\r\n\r\n");
  CHECK(application.news() == "request /, request /");
}

TEST_CASE_FIXTURE(HeadTimes, "an idle connection is closed after the keep-alive time") {
  Peer& peer = open(get("/"));
  answer("");
  kernel.advance(5000);
  CHECK_FALSE(peer.closed);
  kernel.advance(100);
  CHECK(peer.closed);
  CHECK(kernel.tick_ms() == 0);  // nobody waits any more, so the loop may sleep
}

TEST_CASE_FIXTURE(HeadTimes, "no time runs while the application works on an answer") {
  Peer& peer = open(get("/"));
  kernel.advance(100'000);
  start("slow");
  kernel.advance(100'000);
  CHECK(finish("end") == WriteStatus::ok);
  CHECK_FALSE(peer.ended());
}

TEST_CASE("a body that does not come on is late, and the connection ends with the answer") {
  conn::Limits limits = kEndless;
  limits.body_timeout_ms = 1000;
  Stage stage(limits);
  Peer& peer = stage.open("POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 9\r\n\r\n");
  for (int i = 0; i < 5; ++i) {
    CHECK(stage.read_text() == "wait");
    stage.kernel.advance(900);
    stage.send(peer, "x");
    CHECK(stage.read_text() == "text 'x'");
  }
  CHECK(stage.read_text() == "wait");
  stage.application.news();
  stage.kernel.advance(1100);
  CHECK(stage.application.news() == "readable");
  CHECK(stage.read_text() == "late");
  stage.answer("", 408);
  CHECK(stage.received(peer) ==
        "HTTP/1.1 408 Request Timeout\r\nconnection: close\r\ncontent-length: 0\r\n\r\n");
}

TEST_CASE("the time of a body runs only while somebody waits for it") {
  conn::Limits limits = kEndless;
  limits.body_timeout_ms = 1000;
  Stage stage(limits);
  Peer& peer = stage.open("POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 2\r\n\r\n");
  stage.kernel.advance(10'000);
  CHECK(stage.read_text() == "wait");
  stage.send(peer, "x");
  stage.kernel.advance(10'000);
  CHECK(stage.read_text() == "text 'x'");
  CHECK_FALSE(peer.ended());
}

TEST_CASE("FIN in the middle of an awaited body does not put a deadline on the answer") {
  conn::Limits limits = kEndless;
  limits.body_timeout_ms = 1000;
  Stage stage(limits);
  Peer& peer = stage.open("POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 2\r\n\r\n");
  CHECK(stage.read_text() == "wait");
  stage.finish(peer);
  CHECK(stage.read_text() == "cut");
  stage.start("slow");
  stage.kernel.advance(10'000);
  CHECK(stage.finish("end") == WriteStatus::ok);
  CHECK_FALSE(peer.reset_received);
}

TEST_CASE("an unread body that does not come to its end is given up") {
  conn::Limits limits = kEndless;
  limits.body_timeout_ms = 1000;
  Stage stage(limits);
  Peer& peer = stage.open("POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 9\r\n\r\n");
  stage.answer("ok");
  stage.kernel.advance(1100);
  CHECK(peer.fin_received);
}

struct WriteTimes : Stage {
  WriteTimes()
      : Stage([] {
          conn::Limits limits = kEndless;
          limits.write_timeout_ms = 1000;
          return limits;
        }()) {}
};

TEST_CASE_FIXTURE(WriteTimes, "a whole answer that the peer does not take is broken off") {
  Peer& peer = open();
  peer.room = 0;
  send(peer, get("/"));
  answer("hello");
  kernel.advance(1100);
  CHECK(peer.reset_received);
  CHECK(engine.stats().exchanges == 0);
}

TEST_CASE_FIXTURE(WriteTimes, "a whole answer may take long while the peer takes some of it") {
  kernel.wakes = FakeKernel::Wakes::told;
  Peer& peer = open();
  peer.room = 0;
  send(peer, get("/"));
  answer("hello");
  for (int i = 0; i < 20; ++i) {
    kernel.advance(900);
    room(peer, 1);
  }
  CHECK_FALSE(peer.ended());
}

TEST_CASE_FIXTURE(WriteTimes,
                  "a body that comes in meanwhile does not lift the deadline of an answer") {
  Peer& peer = open();
  peer.room = 0;
  send(peer, "POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 9\r\n\r\n");
  CHECK(read_text() == "wait");
  answer("hello");
  send(peer, "some");
  kernel.advance(1100);
  CHECK(peer.reset_received);
}

TEST_CASE("behind the last answer the peer's FIN is awaited for a bounded time") {
  conn::Limits limits = kEndless;
  limits.linger_timeout_ms = 1000;
  Stage stage(limits);
  Peer& peer = stage.open(get("/", "connection: close\r\n"));
  stage.answer("hello");
  for (int i = 0; i < 9; ++i) {
    stage.kernel.advance(100);
    stage.send(peer, "still sending");
  }
  CHECK_FALSE(peer.closed);
  stage.kernel.advance(200);
  CHECK(peer.closed);
}

TEST_CASE("a broken-off stream whose bytes are not taken is closed in a bounded time") {
  conn::Limits limits = kEndless;
  limits.linger_timeout_ms = 1000;
  Stage stage(limits);
  Peer& peer = stage.open(get("/"));
  stage.start();
  peer.room = 0;
  stage.write("never taken");
  stage.engine.abort(stage.exchange());
  stage.kernel.advance(1100);
  CHECK(peer.closed);
}

}  // namespace
}  // namespace catzilla::test
