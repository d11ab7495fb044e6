// Bodies of requests: read, waited for, left unread.

#include <doctest/doctest.h>

#include <algorithm>
#include <string>

#include "conn/limits.h"
#include "test/application.h"

namespace catzilla::test {
namespace {

using conn::WriteStatus;

std::string post(std::string_view fields) {
  return "POST / HTTP/1.1\r\nhost: a\r\n" + std::string(fields) + "\r\n\r\n";
}
std::string post_sized(size_t length) {
  return post("content-length: " + std::to_string(length));
}
const std::string kPostChunked = post("transfer-encoding: chunked");

// Reads until the engine has nothing more to say at once.
std::string read_all(Stage& stage) {
  std::string text;
  while (true) {
    const conn::BodyRead read = stage.read();
    if (read.state == conn::BodyRead::State::bytes) {
      CHECK_FALSE(read.bytes.empty());
      text.append(read.bytes.begin(), read.bytes.end());
      stage.kernel.run();
    } else {
      return text + " " + stage.read_text();
    }
  }
}

TEST_CASE_FIXTURE(Stage, "a request without a body is at its end") {
  open(get("/"));
  CHECK(read_text() == "end");
  CHECK(read_text() == "end");
}

TEST_CASE_FIXTURE(Stage, "a sized body that is already there") {
  open(post_sized(5) + "hello" + get("/next"));
  CHECK(read_text() == "text 'hello'");
  CHECK(read_text() == "end");
  answer("");
  CHECK(application.news() == "request /, request /next");
}

TEST_CASE_FIXTURE(Stage, "a body that comes later is told once for each wait") {
  Peer& peer = open(post_sized(6));
  CHECK(read_text() == "wait");
  CHECK(read_text() == "wait");
  CHECK(application.news() == "request /");
  send(peer, "abc");
  send(peer, "de");
  CHECK(application.news() == "readable");
  CHECK(read_text() == "text 'abcde'");
  CHECK(read_text() == "wait");
  send(peer, "f");
  CHECK(application.news() == "readable");
  CHECK(read_text() == "text 'f'");
  CHECK(read_text() == "end");
}

TEST_CASE_FIXTURE(Stage, "bytes that nobody waits for are not told") {
  Peer& peer = open(post_sized(6));
  send(peer, "abc");
  CHECK(application.news() == "request /");
  CHECK(read_text() == "text 'abc'");
}

TEST_CASE_FIXTURE(Stage, "a chunked body comes without its coding, cut anywhere") {
  const std::string body = "5\r\nhello\r\n6;x=y\r\n world\r\n0\r\nt: v\r\n\r\n";
  for (size_t cut = 0; cut <= body.size(); ++cut) {
    Peer& peer = open(kPostChunked + body.substr(0, cut));
    std::string text = read_all(*this);
    send(peer, body.substr(cut) + get("/next"));
    text = text.substr(0, text.find(" wait")) + read_all(*this);
    CHECK((text == "hello world end" || text == "hello world end end"));
    answer("");
    CHECK(application.news().ends_with("request /next"));
  }
}

TEST_CASE_FIXTURE(Stage,
                  "broken chunked coding is named, answered, and the end of the connection") {
  Peer& peer = open(kPostChunked + "3\r\nabc\r\nzz\r\n" + get("/never"));
  CHECK(read_text() == "malformed chunk-size-invalid");
  CHECK(read_text() == "malformed chunk-size-invalid");
  answer("no", 400);
  CHECK(received(peer) ==
        "HTTP/1.1 400 Bad Request\r\nconnection: close\r\ncontent-length: 2\r\n\r\nno");
  CHECK(peer.fin_received);
  CHECK(application.news() == "request /");
}

TEST_CASE_FIXTURE(Stage, "a body that FIN cuts short is cut, and the answer still comes") {
  Peer& peer = open(post_sized(10) + "half");
  CHECK(read_text() == "text 'half'");
  CHECK(read_text() == "wait");
  finish(peer);
  CHECK(application.news() == "request /, readable, half-closed");
  CHECK(read_text() == "cut");
  answer("no", 400);
  CHECK(received(peer) ==
        "HTTP/1.1 400 Bad Request\r\nconnection: close\r\ncontent-length: 2\r\n\r\nno");
  CHECK(peer.closed);
}

TEST_CASE("what comes in is held up to a limit, and the socket is not read beyond it") {
  Stage stage;
  Peer& peer = stage.open(post_sized(1'000'000));
  const std::string body(1'000'000, 'b');
  stage.send(peer, body);
  CHECK_FALSE(peer.reading);
  CHECK(peer.unread.size() >= body.size() - 2 * conn::kMaxHeldBytes);
  CHECK(read_all(stage) == body + " end");
  CHECK(peer.reading);
  stage.answer("");
  CHECK_FALSE(peer.ended());
}

TEST_CASE("a large chunked body is read in pieces of bounded size") {
  Stage stage;
  Peer& peer = stage.open(kPostChunked);
  const std::string body(300'000, 'c');
  stage.send(peer, "493e0\r\n" + body + "\r\n0\r\n\r\n");
  size_t largest = 0;
  std::string text;
  for (conn::BodyRead read = stage.read(); read.state == conn::BodyRead::State::bytes;
       read = stage.read()) {
    largest = std::max(largest, read.bytes.size());
    text.append(read.bytes.begin(), read.bytes.end());
    stage.kernel.run();
  }
  CHECK(text == body);
  CHECK(largest <= 2 * conn::kMaxHeldBytes);
}

// ── 100 (Continue) ───────────────────────────────────────────────────────────────────────────────

TEST_CASE_FIXTURE(Stage, "100 is sent when somebody wants the body, once") {
  Peer& peer = open(post("content-length: 5\r\nexpect: 100-continue"));
  CHECK(received(peer) == "");
  CHECK(read_text() == "wait");
  CHECK(read_text() == "wait");
  CHECK(received(peer) == "HTTP/1.1 100 Continue\r\n\r\n");
  send(peer, "hello");
  CHECK(read_text() == "text 'hello'");
  answer("ok");
  CHECK(received(peer) == "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok");
  send(peer, get("/next"));
  CHECK(application.news() == "request /, readable, request /next");
}

TEST_CASE_FIXTURE(Stage, "an answer without 100 closes: nobody knows whether the body comes") {
  Peer& peer = open(post("content-length: 5\r\nexpect: 100-continue"));
  answer("no", 413);
  CHECK(received(peer) ==
        "HTTP/1.1 413 Content Too Large\r\nconnection: close\r\ncontent-length: 2\r\n\r\nno");
  CHECK(peer.fin_received);
}

TEST_CASE_FIXTURE(Stage, "100 is never sent behind the head of the answer") {
  Peer& peer = open(post("content-length: 5\r\nexpect: 100-continue"));
  start("early");
  received(peer);
  CHECK(read_text() == "wait");
  CHECK(received(peer) == "");
  send(peer, "hello");
  CHECK(read_text() == "text 'hello'");
  finish();
  CHECK(received(peer) == "0\r\n\r\n");
}

TEST_CASE_FIXTURE(Stage, "100 to a peer that takes nothing is queued in front of the answer") {
  Peer& peer = open();
  peer.room = 3;
  send(peer, post("content-length: 2\r\nexpect: 100-continue") + "hi");
  CHECK(read_text() == "text 'hi'");
  answer("ok");
  room(peer, SIZE_MAX);
  CHECK(received(peer) ==
        "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok");
}

// ── bodies that nobody reads ─────────────────────────────────────────────────────────────────────

TEST_CASE_FIXTURE(Stage, "a small unread body is discarded, and the connection goes on") {
  Peer& peer = open(post_sized(1000) + "partly");
  answer("ok");
  CHECK(received(peer) == "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok");
  send(peer, std::string(994, 'x') + get("/next"));
  CHECK(application.news() == "request /, request /next");
}

TEST_CASE_FIXTURE(Stage, "an unread chunked body is discarded by its coding, cut anywhere") {
  const std::string body = "5\r\nhello\r\n0\r\n\r\n" + get("/next");
  for (size_t cut = 0; cut < body.size(); ++cut) {
    Peer& peer = open(kPostChunked + body.substr(0, cut));
    answer("ok");
    send(peer, body.substr(cut));
    CHECK(application.news() == "request /, request /next");
    answer("");
    CHECK_FALSE(peer.ended());
  }
}

TEST_CASE_FIXTURE(Stage,
                  "an unread body of 256 KiB is worth the connection, one byte more is not") {
  Peer& kept = open(post_sized(conn::kMaxDrainedBytes));
  answer("ok");
  CHECK(received(kept) == "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok");
  send(kept, std::string(conn::kMaxDrainedBytes, 'x') + get("/next"));
  CHECK(application.news() == "request /, request /next");

  Peer& dropped = open(post_sized(conn::kMaxDrainedBytes + 1));
  answer("ok");
  CHECK(received(dropped) == "HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 2\r\n\r\nok");
  CHECK(dropped.fin_received);
}

TEST_CASE_FIXTURE(Stage, "an unread chunked body is given up after 256 KiB") {
  Peer& peer = open(kPostChunked);
  answer("ok");
  CHECK(received(peer) == "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok");
  const std::string chunk = "1000\r\n" + std::string(0x1000, 'x') + "\r\n";
  for (int i = 0; i < 63; ++i) {
    send(peer, chunk);
  }
  CHECK_FALSE(peer.fin_received);
  send(peer, chunk);
  CHECK(peer.fin_received);
  CHECK_FALSE(peer.closed);  // it lingers, so that the answer is not lost to a reset
  send(peer, chunk);
  finish(peer);
  CHECK(peer.closed);
  CHECK_FALSE(peer.reset_received);
}

TEST_CASE_FIXTURE(Stage, "an unread body whose coding is broken ends the connection") {
  Peer& peer = open(kPostChunked);
  answer("ok");
  send(peer, "zz\r\n" + get("/never"));
  CHECK(peer.fin_received);
  CHECK(application.news() == "request /");
}

TEST_CASE_FIXTURE(Stage, "an unread body does not become the next request (0.CL)") {
  Peer& peer = open(post_sized(get("/smuggled").size()) + get("/smuggled") + get("/next"));
  answer("ok");
  CHECK(application.news() == "request /, request /next");
  CHECK_FALSE(peer.ended());
}

TEST_CASE_FIXTURE(Stage,
                  "what was still to be told of an answered exchange is not told to the next") {
  Peer& peer = open(post_sized(4));
  CHECK(read_text() == "wait");
  kernel.send(peer, "abcd");  // and before the wake that tells of it:
  CHECK(read_text() == "text 'abcd'");
  engine.answer(exchange(), plain(), copied("ok"));
  kernel.send(peer, get("/next"));
  kernel.run();
  CHECK(application.news() == "request /, request /next");
}

TEST_CASE_FIXTURE(Stage, "a body is read while the answer is under way") {
  Peer& peer = open(post_sized(6));
  start();
  received(peer);
  for (const std::string_view part : {"ab", "cd", "ef"}) {
    CHECK(read_text() == "wait");
    send(peer, part);
    const conn::BodyRead read = this->read();
    engine.write(exchange(), {read.bytes, nullptr});
  }
  CHECK(read_text() == "end");
  finish();
  CHECK(received(peer) == "2\r\nab\r\n2\r\ncd\r\n2\r\nef\r\n0\r\n\r\n");
  CHECK_FALSE(peer.ended());
}

}  // namespace
}  // namespace catzilla::test
