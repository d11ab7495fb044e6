// Peers that take little, or nothing, or leave.

#include <doctest/doctest.h>

#include <cstdio>
#include <string>

#include "conn/limits.h"
#include "test/application.h"

namespace catzilla::test {
namespace {

using conn::WriteStatus;

const std::string kBlock(40'000, 'b');

std::string chunk(std::string_view text) {
  char size[20];
  std::snprintf(size, sizeof size, "%zx\r\n", text.size());
  return size + std::string(text) + "\r\n";
}

// ── partial writes ───────────────────────────────────────────────────────────────────────────────

TEST_CASE("an answer arrives whole, wherever the kernel stops taking") {
  const std::string expected = "HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello";
  for (const auto wakes : {FakeKernel::Wakes::whole, FakeKernel::Wakes::told}) {
    for (size_t taken = 0; taken <= expected.size(); ++taken) {
      Stage stage;
      stage.kernel.wakes = wakes;
      Peer& peer = stage.open();
      peer.room = taken;
      stage.send(peer, get("/"));
      CHECK(stage.answer("hello") == WriteStatus::ok);
      CHECK(stage.engine.stats().exchanges == (taken < expected.size() ? 1 : 0));
      while (peer.received.size() < expected.size()) {
        stage.room(peer, 7);
      }
      CHECK(peer.received == expected);
      CHECK(stage.engine.stats().exchanges == 0);
      CHECK(stage.application.news() == "request /");
    }
  }
}

TEST_CASE("a body arrives whole, whether it is copied behind its head or not") {
  for (size_t size = 2'040; size < 2'056; ++size) {
    const std::string body(size, 'b');
    const std::string expected =
        "HTTP/1.1 200 OK\r\ncontent-length: " + std::to_string(size) + "\r\n\r\n" + body;
    for (const size_t taken : {size_t{0}, size_t{20}, expected.size() - size, size_t{500}}) {
      Stage stage;
      Peer& peer = stage.open();
      peer.room = taken;
      stage.send(peer, get("/"));
      CHECK(stage.answer(body) == WriteStatus::ok);
      stage.room(peer, SIZE_MAX);
      CHECK((peer.received == expected));
    }
  }
}

TEST_CASE("a stream arrives whole and in order, however little the kernel takes") {
  for (const auto wakes : {FakeKernel::Wakes::whole, FakeKernel::Wakes::told}) {
    for (const size_t step : {1'000, 16'384, 70'000}) {
      Stage stage;
      stage.kernel.wakes = wakes;
      Peer& peer = stage.open();
      peer.room = 0;
      stage.send(peer, get("/"));
      Buffer buffer(std::string(200'000, 'r'));
      CHECK(stage.start("first") == WriteStatus::ok);
      CHECK(stage.engine.write(stage.exchange(), buffer.payload()) == WriteStatus::blocked);
      CHECK(stage.write("between") == WriteStatus::blocked);
      CHECK(stage.engine.write(stage.exchange(), buffer.payload()) == WriteStatus::blocked);
      CHECK(stage.finish("last") == WriteStatus::blocked);
      CHECK(buffer.references() == 2);
      const std::string large = chunk(std::string(200'000, 'r'));
      const std::string expected = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n" +
                                   chunk("first") + large + chunk("between") + large +
                                   chunk("last") + "0\r\n\r\n";
      while (peer.received.size() < expected.size()) {
        stage.room(peer, step);
      }
      CHECK((peer.received == expected));
      CHECK(stage.application.news() == "request /, drained");
      CHECK(buffer.references() == 0);
    }
  }
}

TEST_CASE("a large queue goes out in turns, and others get theirs in between") {
  for (const auto wakes : {FakeKernel::Wakes::whole, FakeKernel::Wakes::told}) {
    Stage stage;
    stage.kernel.wakes = wakes;
    Peer& peer = stage.open();
    peer.room = 0;
    stage.send(peer, get("/"));
    Buffer buffer(std::string(5'000'000, 'r'));
    stage.start("");
    stage.engine.write(stage.exchange(), buffer.payload());
    stage.kernel.make_room(peer, SIZE_MAX);
    stage.kernel.turn();
    CHECK(peer.received.size() > 900'000);
    CHECK(peer.received.size() < 1'500'000);
    stage.kernel.run();
    CHECK(peer.received.size() > 5'000'000);
    CHECK(stage.engine.stats().buffered_bytes == 0);
  }
}

// ── backpressure ─────────────────────────────────────────────────────────────────────────────────

TEST_CASE_FIXTURE(Stage, "a stream is blocked at its high-water mark, and told to go on") {
  Peer& peer = open(get("/"));
  start();
  peer.room = 0;
  CHECK(write(kBlock) == WriteStatus::ok);
  CHECK(write(kBlock) == WriteStatus::blocked);
  CHECK(write("more") == WriteStatus::blocked);  // the mark is advice
  CHECK(engine.stats().stalls == 1);
  CHECK(application.news() == "request /");
  room(peer, SIZE_MAX);
  CHECK(application.news() == "drained");
  CHECK(write("more") == WriteStatus::ok);
}

TEST_CASE_FIXTURE(Stage, "a stream goes on at the low-water mark, not at the first byte") {
  kernel.wakes = FakeKernel::Wakes::told;
  Peer& peer = open(get("/"));
  start();
  peer.room = 0;
  write(kBlock);
  CHECK(write(kBlock) == WriteStatus::blocked);
  const size_t queued = engine.stats().buffered_bytes;
  room(peer, queued - conn::kLowWaterMark - 1);
  CHECK(application.news() == "request /");
  room(peer, 1);
  CHECK(application.news() == "drained");
}

TEST_CASE_FIXTURE(Stage, "a high-water mark of 0 blocks at the first byte that waits, not before") {
  conn::ResponseOptions options = plain();
  options.high_water_mark = 0;
  Peer& peer = open(get("/"));
  CHECK(engine.start(exchange(), options, copied("a"), false) == WriteStatus::ok);
  peer.room = 0;
  CHECK(write("b") == WriteStatus::blocked);
  room(peer, SIZE_MAX);
  CHECK(application.news() == "request /, drained");
}

TEST_CASE_FIXTURE(Stage, "an end behind queued bytes is told when all is with the kernel") {
  Peer& peer = open(get("/a"));
  start();
  peer.room = 0;
  CHECK(finish("last") == WriteStatus::blocked);
  send(peer, get("/b"));
  CHECK(application.news() == "request /a");
  room(peer, SIZE_MAX);
  CHECK(application.news() == "drained, request /b");
}

TEST_CASE_FIXTURE(Stage, "a large buffer is kept by reference, a small one is copied") {
  Peer& peer = open(get("/"));
  start();
  peer.room = 0;
  Buffer small(std::string(conn::kReferenceBytes - 1, 's'));
  Buffer large(std::string(conn::kReferenceBytes, 'l'));
  engine.write(exchange(), small.payload());
  CHECK(small.references() == 0);
  engine.write(exchange(), large.payload());
  CHECK(large.references() == 1);
  room(peer, SIZE_MAX);
  CHECK(large.references() == 0);
}

TEST_CASE_FIXTURE(Stage, "a large buffer that the kernel takes at once is not kept") {
  open(get("/"));
  Buffer large(std::string(1'000'000, 'l'));
  CHECK(engine.answer(exchange(), plain(), large.payload()) == WriteStatus::ok);
  CHECK(large.references() == 0);
}

TEST_CASE_FIXTURE(Stage, "a queued buffer that is taken away breaks the connection") {
  Peer& peer = open(get("/"));
  start();
  peer.room = 0;
  Buffer buffer(std::string(500'000, 'x'));
  engine.write(exchange(), buffer.payload());
  room(peer, 100'000);
  buffer.take_away();
  room(peer, SIZE_MAX);
  CHECK(peer.reset_received);
  CHECK(application.news() == "request /, failed");
  CHECK(buffer.references() == 0);
}

TEST_CASE_FIXTURE(Stage, "a queued buffer that shrinks breaks the connection") {
  Peer& peer = open(get("/"));
  start();
  peer.room = 0;
  Buffer buffer(std::string(500'000, 'x'));
  engine.write(exchange(), buffer.payload());
  buffer.shrink(499'999);
  room(peer, SIZE_MAX);
  CHECK(peer.reset_received);
  CHECK(application.news() == "request /, failed");
}

// ── peers that leave ─────────────────────────────────────────────────────────────────────────────

TEST_CASE_FIXTURE(Stage, "a RST is the loss of the exchange, told once") {
  Peer& peer = open(get("/"));
  start("some");
  reset(peer);
  CHECK(application.news() == "request /, lost");
  CHECK(peer.closed);
  CHECK(write("more") == WriteStatus::gone);
  CHECK(finish() == WriteStatus::gone);
  CHECK(engine.stats().exchanges == 0);
  CHECK(engine.stats().connections == 0);
}

TEST_CASE_FIXTURE(Stage, "a peer that is found lost in a write is told, too") {
  Peer& peer = open(get("/"));
  start("some");
  kernel.vanish(peer);
  CHECK(write("more") == WriteStatus::gone);
  CHECK(application.news() == "request /, lost");
  CHECK(peer.closed);
}

TEST_CASE_FIXTURE(Stage, "an answer to a lost peer is gone") {
  Peer& peer = open(get("/"));
  kernel.vanish(peer);
  CHECK(answer("hello") == WriteStatus::gone);
  CHECK(application.news() == "request /, lost");
}

TEST_CASE_FIXTURE(Stage, "a peer that is lost while bytes wait lets go of them") {
  Peer& peer = open(get("/"));
  start();
  peer.room = 0;
  Buffer buffer(std::string(500'000, 'x'));
  engine.write(exchange(), buffer.payload());
  reset(peer);
  CHECK(buffer.references() == 0);
  CHECK(engine.stats().buffered_bytes == 0);
  CHECK(application.news() == "request /, lost");
}

TEST_CASE_FIXTURE(Stage, "FIN is told, and the answer goes on") {
  Peer& peer = open(get("/"));
  start("before ");
  finish(peer);
  CHECK(application.news() == "request /, half-closed");
  CHECK(write("behind") == WriteStatus::ok);
  finish();
  CHECK(received(peer) == "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n" +
                              chunk("before ") + chunk("behind") + "0\r\n\r\n");
  CHECK(peer.closed);
  CHECK_FALSE(peer.reset_received);
}

TEST_CASE_FIXTURE(Stage, "requests in front of a FIN are all answered") {
  Peer& peer = open();
  kernel.send(peer, get("/a") + get("/b"));
  finish(peer);
  CHECK(application.news() == "request /a, half-closed");
  answer("a");
  CHECK(application.news() == "request /b, half-closed");
  answer("b");
  CHECK(received(peer) ==
        "HTTP/1.1 200 OK\r\ncontent-length: 1\r\n\r\na"
        "HTTP/1.1 200 OK\r\ncontent-length: 1\r\n\r\nb");
  CHECK(peer.closed);
}

TEST_CASE_FIXTURE(Stage, "FIN and RST without a request close the connection quietly") {
  for (const std::string_view bytes : {"", "GET / HT", "\r\n"}) {
    Peer& ended = open(bytes);
    finish(ended);
    CHECK(ended.closed);
    Peer& broken = open(bytes);
    reset(broken);
    CHECK(broken.closed);
  }
  CHECK(application.news() == "");
  CHECK(engine.stats().connections == 0);
}

// Everything that a peer may do, cut off at each byte by a FIN or a RST.
TEST_CASE("a peer that leaves at any byte leaves nothing behind") {
  const std::string conversation =
      get("/a") + "POST /b HTTP/1.1\r\nhost: a\r\ncontent-length: 5\r\n\r\nhello" +
      "POST /c HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n";
  for (const bool by_reset : {false, true}) {
    for (const size_t room : {size_t{0}, size_t{30}, SIZE_MAX}) {
      for (size_t cut = 0; cut <= conversation.size(); ++cut) {
        Stage stage;
        size_t requests = 0;
        stage.application.on_event = [&](const Event& event) {
          using conn::EventKind;
          if (event.kind == EventKind::request) {
            ++requests;
            stage.engine.start(event.exchange, Stage::plain(), copied("first"), false);
            while (stage.engine.read_body(event.exchange).state == conn::BodyRead::State::bytes) {
            }
            stage.engine.finish(event.exchange, copied("last"));
          }
        };
        Peer& peer = stage.open();
        peer.room = room;
        stage.send(peer, conversation.substr(0, cut));
        by_reset ? stage.reset(peer) : stage.finish(peer);
        stage.room(peer, SIZE_MAX);
        REQUIRE(peer.closed);
        REQUIRE(stage.engine.stats().exchanges == 0);
        REQUIRE(stage.engine.stats().connections == 0);
        if (!by_reset) REQUIRE(stage.engine.stats().requests_total == requests);
      }
    }
  }
}

}  // namespace
}  // namespace catzilla::test
