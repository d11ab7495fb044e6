// Requests and their answers: order, framing, connections that persist.

#include <doctest/doctest.h>

#include "test/application.h"

namespace catzilla::test {
namespace {

using conn::WriteStatus;

constexpr std::string_view kHello = "HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello";

// ── keep-alive and pipelining ────────────────────────────────────────────────────────────────────

TEST_CASE_FIXTURE(Stage, "requests on one connection are answered one after the other") {
  Peer& peer = open(get("/a"));
  CHECK(application.news() == "request /a");
  CHECK(answer("hello") == WriteStatus::ok);
  CHECK(received(peer) == kHello);
  send(peer, get("/b"));
  CHECK(application.news() == "request /b");
  CHECK(answer("hello") == WriteStatus::ok);
  CHECK(received(peer) == kHello);
  CHECK_FALSE(peer.ended());
}

TEST_CASE_FIXTURE(Stage, "an answer leaves in one write") {
  open(get("/"));
  answer("hello");
  CHECK(kernel.writes() == 1);
}

TEST_CASE_FIXTURE(Stage, "a pipelined request waits for the answer before it") {
  Peer& peer = open(get("/a") + get("/b") + get("/c"));
  CHECK(application.news() == "request /a");
  answer("a");
  CHECK(application.news() == "request /b");
  start("b1");
  write("b2");
  CHECK(application.news() == "");
  finish();
  CHECK(application.news() == "request /c");
  answer("c");
  CHECK(received(peer) ==
        "HTTP/1.1 200 OK\r\ncontent-length: 1\r\n\r\na"
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nb1\r\n2\r\nb2\r\n0\r\n\r\n"
        "HTTP/1.1 200 OK\r\ncontent-length: 1\r\n\r\nc");
}

TEST_CASE_FIXTURE(Stage,
                  "a pipelined request waits until the answer before it is with the kernel") {
  Peer& peer = open();
  peer.room = 10;
  send(peer, get("/a") + get("/b"));
  answer("hello");
  CHECK(application.news() == "request /a");
  room(peer, SIZE_MAX);
  CHECK(application.news() == "request /b");
  CHECK(received(peer) == kHello);
}

TEST_CASE_FIXTURE(Stage, "many pipelined requests do not take more than one wake each") {
  std::string requests;
  for (int i = 0; i < 500; ++i) {
    requests += get("/");
  }
  application.on_event = [this](const Event& event) {
    engine.answer(event.exchange, plain(), copied("hello"));
  };
  Peer& peer = open(requests);
  CHECK(engine.stats().requests_total == 500);
  CHECK(peer.received.size() == 500 * kHello.size());
}

TEST_CASE_FIXTURE(Stage, "a request that is cut anywhere is the same request") {
  const std::string request = get("/a", "x: y\r\n");
  for (size_t cut = 1; cut < request.size(); ++cut) {
    Peer& peer = open(request.substr(0, cut));
    CHECK(application.news() == "");
    send(peer, request.substr(cut));
    CHECK(application.news() == "request /a");
    CHECK(application.heard.back().head == request);
    answer("hello");
    CHECK(received(peer) == kHello);
  }
}

TEST_CASE_FIXTURE(Stage, "Connection: close is answered, then FIN, and the rest is discarded") {
  Peer& peer = open(get("/a", "connection: close\r\n") + get("/b"));
  answer("hello");
  CHECK(application.news() == "request /a");
  CHECK(received(peer) == "HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 5\r\n\r\nhello");
  CHECK(peer.fin_received);
  CHECK_FALSE(peer.closed);
  send(peer, "more of whatever");
  finish(peer);
  CHECK(peer.closed);
  CHECK_FALSE(peer.reset_received);
}

TEST_CASE_FIXTURE(Stage, "HTTP/1.0 closes unless it asks for keep-alive") {
  Peer& once = open("GET / HTTP/1.0\r\n\r\n");
  answer("hello");
  CHECK(received(once) == "HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 5\r\n\r\nhello");
  CHECK(once.fin_received);

  Peer& again = open("GET / HTTP/1.0\r\nconnection: keep-alive\r\n\r\n");
  answer("hello");
  CHECK(received(again) ==
        "HTTP/1.1 200 OK\r\nconnection: keep-alive\r\ncontent-length: 5\r\n\r\nhello");
  CHECK_FALSE(again.ended());
}

// ── requests that no handler sees ────────────────────────────────────────────────────────────────

TEST_CASE_FIXTURE(Stage, "a malformed request is answered behind the answers before it") {
  Peer& peer = open(get("/a") + "GET / HTTP/1.1\r\n bad\r\n\r\n" + get("/never"));
  CHECK(received(peer) == "");
  start("slow");
  CHECK(received(peer) == "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n4\r\nslow\r\n");
  finish();
  CHECK(received(peer) ==
        "0\r\n\r\nHTTP/1.1 400 Bad Request\r\ncontent-type: text/plain; charset=utf-8\r\n"
        "connection: close\r\ncontent-length: 26\r\n\r\nBad Request (line-folded)\n");
  CHECK(application.news() == "request /a");
  CHECK(peer.fin_received);
}

TEST_CASE_FIXTURE(Stage, "each kind of refusal has its status") {
  const auto status_of = [this](const std::string& request) {
    Peer& peer = open(request);
    return received(peer).substr(9, 3);
  };
  CHECK(status_of("GET / HTTP/1.1\r\n\r\n") == "400");
  CHECK(status_of("GET / HTTP/3.0\r\nhost: a\r\n\r\n") == "505");
  CHECK(status_of("GET /" + std::string(9'000, 'a')) == "414");
  CHECK(status_of(get("/", "x: " + std::string(17'000, 'a') + "\r\n")) == "431");
  CHECK(status_of("CONNECT a:1 HTTP/1.1\r\nhost: a:1\r\n\r\n") == "501");
  CHECK(application.news() == "");
}

TEST_CASE("a refused request leaves nothing behind, wherever its bytes were held") {
  Stage stage;
  Peer& peer = stage.open("GET / HTTP/1.1\r\n");
  stage.send(peer, "bad line\r\n");
  CHECK(stage.received(peer).starts_with("HTTP/1.1 400"));
  stage.send(peer, "more");
  stage.finish(peer);
  CHECK(peer.closed);
  CHECK(stage.engine.stats().connections == 0);
}

// ── framing ──────────────────────────────────────────────────────────────────────────────────────

TEST_CASE_FIXTURE(Stage, "a stream is chunked, and its empty writes are none") {
  Peer& peer = open(get("/"));
  CHECK(start("") == WriteStatus::ok);
  CHECK(received(peer) == "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n");
  CHECK(write("") == WriteStatus::ok);
  CHECK(received(peer) == "");
  CHECK(write("0123456789abcdef") == WriteStatus::ok);
  CHECK(received(peer) == "10\r\n0123456789abcdef\r\n");
  CHECK(finish("last") == WriteStatus::ok);
  CHECK(received(peer) == "4\r\nlast\r\n0\r\n\r\n");
}

TEST_CASE_FIXTURE(Stage, "head, first bytes and end leave in one write") {
  Peer& peer = open(get("/"));
  CHECK(engine.start(exchange(), plain(), copied("all"), true) == WriteStatus::ok);
  CHECK(kernel.writes() == 1);
  CHECK(received(peer) ==
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\nall\r\n0\r\n\r\n");
}

TEST_CASE_FIXTURE(Stage, "a stream to HTTP/1.0 is not chunked, and FIN is its end") {
  Peer& peer = open("GET / HTTP/1.0\r\nconnection: keep-alive\r\n\r\n");
  start("one ");
  write("two");
  CHECK_FALSE(peer.fin_received);
  finish();
  CHECK(received(peer) == "HTTP/1.1 200 OK\r\nconnection: close\r\n\r\none two");
  CHECK(peer.fin_received);
  CHECK_FALSE(peer.reset_received);
}

TEST_CASE_FIXTURE(Stage, "HEAD gets the head of GET, and the connection goes on") {
  Peer& peer = open("HEAD /a HTTP/1.1\r\nhost: a\r\n\r\n");
  answer("hello");
  CHECK(received(peer) == "HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\n");
  send(peer, "HEAD /b HTTP/1.1\r\nhost: a\r\n\r\n");
  start("a body ");
  write("that is not sent");
  finish("at all");
  CHECK(received(peer) == "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n");
  send(peer, "HEAD /c HTTP/1.1\r\nhost: a\r\n\r\n");
  start_sized(100);
  finish();
  CHECK(received(peer) == "HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n");
  send(peer, get("/d"));
  CHECK(application.news() == "request /a, request /b, request /c, request /d");
}

TEST_CASE_FIXTURE(Stage, "204 and 304 have neither body nor length, whatever is written") {
  Peer& peer = open(get("/a"));
  answer("dropped", 304);
  CHECK(received(peer) == "HTTP/1.1 304 Not Modified\r\n\r\n");
  send(peer, get("/b"));
  start("dropped", 204);
  write("dropped");
  finish("dropped");
  CHECK(received(peer) == "HTTP/1.1 204 No Content\r\n\r\n");
  send(peer, get("/c"));
  answer("hello");
  CHECK(received(peer) == kHello);
}

TEST_CASE_FIXTURE(Stage, "the length of an earlier answer does not break a later one without any") {
  Peer& peer = open("HEAD / HTTP/1.1\r\nhost: a\r\n\r\n");
  start_sized(100);
  finish();
  send(peer, get("/"));
  received(peer);
  CHECK(start("", 204) == WriteStatus::ok);
  CHECK(finish() == WriteStatus::ok);
  CHECK(received(peer) == "HTTP/1.1 204 No Content\r\n\r\n");
  CHECK_FALSE(peer.ended());
}

TEST_CASE_FIXTURE(Stage, "a declared length that is met keeps the connection") {
  Peer& peer = open(get("/"));
  CHECK(start_sized(6, "one") == WriteStatus::ok);
  CHECK(write("two") == WriteStatus::ok);
  CHECK(finish() == WriteStatus::ok);
  CHECK(received(peer) == "HTTP/1.1 200 OK\r\ncontent-length: 6\r\n\r\nonetwo");
  send(peer, get("/next"));
  CHECK(application.news() == "request /, request /next");
}

TEST_CASE_FIXTURE(Stage, "a body that is longer than declared is not sent beyond it") {
  Peer& peer = open(get("/"));
  start_sized(6, "one");
  CHECK(write("three") == WriteStatus::gone);
  CHECK(received(peer) == "HTTP/1.1 200 OK\r\ncontent-length: 6\r\n\r\none");
  CHECK(peer.fin_received);
  CHECK(engine.stats().exchanges == 0);
}

TEST_CASE_FIXTURE(Stage, "a body that is shorter than declared breaks the connection") {
  Peer& peer = open(get("/"));
  start_sized(6, "one");
  CHECK(finish("tw") == WriteStatus::gone);
  CHECK(peer.fin_received);
  CHECK(write("o") == WriteStatus::gone);
}

// ── breaking off ─────────────────────────────────────────────────────────────────────────────────

TEST_CASE_FIXTURE(Stage, "abort() leaves a chunked body without its end") {
  Peer& peer = open(get("/") + get("/never"));
  start("some");
  engine.abort(exchange());
  kernel.run();
  CHECK(received(peer) == "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n4\r\nsome\r\n");
  CHECK(peer.fin_received);
  CHECK(write("more") == WriteStatus::gone);
  CHECK(application.news() == "request /");
}

TEST_CASE_FIXTURE(Stage, "abort() resets a body that only FIN would end") {
  Peer& peer = open("GET / HTTP/1.0\r\n\r\n");
  start("some");
  engine.abort(exchange());
  kernel.run();
  CHECK(peer.reset_received);
}

TEST_CASE_FIXTURE(Stage, "abort() without an answer closes the connection") {
  Peer& peer = open(get("/"));
  engine.abort(exchange());
  kernel.run();
  CHECK(peer.received.empty());
  CHECK(peer.fin_received);
  CHECK(engine.stats().exchanges == 0);
}

TEST_CASE_FIXTURE(Stage, "abort() lets what is queued go out") {
  Peer& peer = open(get("/"));
  start();
  received(peer);
  peer.room = 0;
  write("queued");
  engine.abort(exchange());
  kernel.run();
  CHECK_FALSE(peer.fin_received);
  room(peer, SIZE_MAX);
  CHECK(received(peer) == "6\r\nqueued\r\n");
  CHECK(peer.fin_received);
}

// ── handles ──────────────────────────────────────────────────────────────────────────────────────

TEST_CASE_FIXTURE(Stage, "a handle does nothing once its exchange is answered") {
  Peer& peer = open(get("/"));
  const Handle stale = exchange();
  answer("hello");
  send(peer, get("/next"));
  received(peer);
  CHECK(engine.answer(stale, plain(), copied("x")) == WriteStatus::gone);
  CHECK(engine.start(stale, plain(), copied("x"), true) == WriteStatus::gone);
  CHECK(engine.write(stale, copied("x")) == WriteStatus::gone);
  CHECK(engine.finish(stale, copied("x")) == WriteStatus::gone);
  CHECK(engine.read_body(stale).state == conn::BodyRead::State::gone);
  CHECK(engine.peer(stale).empty());
  engine.abort(stale);
  CHECK(received(peer) == "");
  CHECK(answer("hello") == WriteStatus::ok);
  CHECK(received(peer) == kHello);
}

TEST_CASE_FIXTURE(Stage, "an exchange is answered once, and in the order of a stream") {
  Peer& peer = open(get("/"));
  CHECK(write("early") == WriteStatus::gone);
  CHECK(finish() == WriteStatus::gone);
  CHECK(start() == WriteStatus::ok);
  CHECK(start() == WriteStatus::gone);
  CHECK(answer("late") == WriteStatus::gone);
  CHECK(finish() == WriteStatus::ok);
  CHECK(finish() == WriteStatus::gone);
  CHECK(received(peer) == "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n");
}

TEST_CASE_FIXTURE(Stage, "handles that were never given are gone") {
  for (const Handle handle : {Handle{}, Handle{0, 1}, Handle{UINT32_MAX, UINT32_MAX}}) {
    CHECK(engine.answer(handle, plain(), copied("x")) == WriteStatus::gone);
    CHECK(engine.read_body(handle).state == conn::BodyRead::State::gone);
    engine.abort(handle);
  }
}

TEST_CASE_FIXTURE(Stage, "the peer's address is known during an exchange") {
  open(get("/"));
  CHECK(engine.peer(exchange()) == "192.0.2.1");
  answer("");
  CHECK(engine.peer(exchange()).empty());
}

}  // namespace
}  // namespace catzilla::test
