// Wakes and their events, and the ends of an engine.

#include <doctest/doctest.h>

#include <map>
#include <set>
#include <string>
#include <vector>

#include "conn/limits.h"
#include "test/application.h"

namespace catzilla::test {
namespace {

using conn::EventKind;
using conn::WriteStatus;

// ── one call a wake ──────────────────────────────────────────────────────────────────────────────

TEST_CASE_FIXTURE(Stage, "the requests of a wake come in one dispatch") {
  for (const std::string_view target : {"/a", "/b", "/c"}) {
    kernel.send(open(), get(target));
  }
  kernel.run();
  CHECK(application.news() == "request /a, request /b, request /c");
  CHECK(application.dispatches == 1);
}

TEST_CASE_FIXTURE(Stage, "an application may do anything in the middle of a dispatch") {
  std::vector<Handle> exchanges;
  application.on_event = [&](const Event& event) {
    if (event.kind != EventKind::request) return;
    exchanges.push_back(event.exchange);
    if (exchanges.size() != 3) return;
    engine.answer(exchanges[0], plain(), copied("a"));
    engine.abort(exchanges[1]);
    engine.reset_all();
    CHECK(engine.write(exchanges[2], copied("c")) == WriteStatus::gone);
  };
  for (const std::string_view target : {"/a", "/b", "/c"}) {
    kernel.send(open(), get(target));
  }
  kernel.run();
  CHECK(application.news() == "request /a, request /b, request /c, lost");
  CHECK(engine.stats().connections == 0);
}

TEST_CASE_FIXTURE(Stage,
                  "an exchange that is lost before its request was told is told both, in order") {
  Peer& peer = open();
  kernel.send(peer, get("/"));
  kernel.reset(peer);
  kernel.run();
  CHECK(application.news() == "request /, lost");
}

TEST_CASE_FIXTURE(Stage, "events that find no room wait for the next dispatch, in order") {
  application.most_events = 2;
  std::vector<Peer*> peers;
  for (int i = 0; i < 7; ++i) {
    peers.push_back(&open());
  }
  for (size_t i = 0; i < peers.size(); ++i) {
    kernel.send(*peers[i], get("/" + std::to_string(i)));
  }
  kernel.run();
  CHECK(application.heard.size() == 7);
  std::set<std::string> targets;
  for (const Event& event : application.heard) {
    targets.insert(target_of(event));
    engine.start(event.exchange, plain(), copied("first"), false);
  }
  CHECK(targets.size() == 7);
  application.news();

  for (Peer* peer : peers) {
    kernel.finish(*peer);
  }
  kernel.run();
  CHECK(application.heard.size() == 14);
  for (Peer* peer : peers) {
    kernel.vanish(*peer);
  }
  for (size_t i = 0; i < 7; ++i) {
    engine.write(application.heard[i].exchange, copied("next"));
  }
  kernel.run();
  CHECK(application.heard.size() == 21);
  CHECK(engine.stats().connections == 0);
}

TEST_CASE("with room for one event each exchange still hears of all, in order") {
  Stage stage;
  stage.application.most_events = 1;
  std::map<uint32_t, std::string> told;  // by slot
  stage.application.on_event = [&](const Event& event) {
    std::string& text = told[event.exchange.slot];
    switch (event.kind) {
      case EventKind::request:
        text += "request ";
        stage.engine.start(event.exchange, Stage::plain(), copied(std::string(100'000, 'x')),
                           false);
        stage.engine.read_body(event.exchange);
        break;
      case EventKind::body_readable:
        text += "readable ";
        break;
      case EventKind::half_closed:
        text += "half-closed ";
        break;
      case EventKind::drained:
        text += "drained ";
        break;
      default:
        text += "lost";
    }
  };
  std::vector<Peer*> peers;
  for (int i = 0; i < 20; ++i) {
    peers.push_back(&stage.open());
    peers.back()->room = 0;
  }
  for (Peer* peer : peers) {
    stage.kernel.send(*peer, "POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 9\r\n\r\n");
  }
  stage.kernel.run();
  for (Peer* peer : peers) {
    stage.kernel.send(*peer, "some");
    stage.kernel.finish(*peer);
    stage.kernel.make_room(*peer, SIZE_MAX);
  }
  stage.kernel.run();
  stage.engine.reset_all();
  stage.kernel.run();
  CHECK(told.size() == 20);
  for (const auto& [slot, text] : told) {
    CHECK(text == "request readable half-closed drained lost");
  }
}

TEST_CASE("heads that do not fit together come in several dispatches") {
  Stage stage;
  stage.application.most_head_bytes = 20'000;
  const std::string field = "x: " + std::string(9'000, 'x') + "\r\n";
  std::vector<Peer*> peers;
  for (int i = 0; i < 9; ++i) {
    peers.push_back(&stage.open());
  }
  for (Peer* peer : peers) {
    stage.kernel.send(*peer, get("/", field));
  }
  stage.kernel.run();
  CHECK(stage.application.heard.size() == 9);
}

TEST_CASE("a head larger than what is usually held is taken, where the limit allows it") {
  conn::Limits limits;
  limits.http.max_head_bytes = 200'000;
  Stage stage(limits);
  const std::string request = get("/", "x: " + std::string(190'000, 'x') + "\r\n");
  Peer& peer = stage.open();
  for (size_t at = 0; at < request.size(); at += 10'000) {
    stage.send(peer, request.substr(at, 10'000));
  }
  CHECK(stage.application.news() == "request /");
  CHECK(stage.application.heard.back().head == request);
}

// ── ends ─────────────────────────────────────────────────────────────────────────────────────────

TEST_CASE("stop_listening() closes idle connections and lets the rest finish") {
  Stage stage;
  Peer& idle = stage.open();
  Peer& used = stage.open(get("/a"));
  stage.answer("");
  Peer& busy = stage.open(get("/b"));
  stage.engine.stop_listening();
  stage.kernel.run();
  CHECK_FALSE(stage.kernel.listening());
  CHECK(idle.closed);
  CHECK(used.closed);
  CHECK_FALSE(busy.ended());
  CHECK(stage.kernel.connect() == nullptr);
  stage.answer("ok");
  CHECK(stage.received(busy) ==
        "HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 2\r\n\r\nok");
  CHECK(stage.application.news() == "request /a, request /b");
  stage.finish(busy);
  CHECK(stage.application.news() == "all-closed");
}

TEST_CASE("all-closed comes once, and for an engine without connections, too") {
  Stage stage;
  stage.engine.stop_listening();
  stage.engine.stop_listening();
  stage.kernel.run();
  stage.engine.stop_listening();
  stage.kernel.run();
  CHECK(stage.application.news() == "all-closed");
}

TEST_CASE("a request under way when listening stops is served, and then the connection closes") {
  Stage stage;
  Peer& peer = stage.open("GET / HTTP/1.1\r\n");
  stage.engine.stop_listening();
  stage.send(peer, "host: a\r\n\r\n" + get("/never"));
  CHECK(stage.application.news() == "request /");
  stage.answer("ok");
  CHECK(stage.received(peer) ==
        "HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 2\r\n\r\nok");
  stage.finish(peer);
  CHECK(stage.application.news() == "all-closed");
}

TEST_CASE("a body that is being discarded when listening stops is the connection's last") {
  Stage stage;
  Peer& peer = stage.open("POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 5\r\n\r\n");
  stage.answer("ok");
  stage.engine.stop_listening();
  stage.send(peer, "hello");
  CHECK(peer.fin_received);
  stage.finish(peer);
  CHECK(stage.application.news() == "request /, all-closed");
}

TEST_CASE("reset_all() breaks everything, and each exchange hears of it") {
  Stage stage;
  Peer& idle = stage.open();
  Peer& busy = stage.open(get("/"));
  stage.start("some");
  Peer& lingering = stage.open(get("/", "connection: close\r\n"));
  stage.answer("");
  stage.engine.stop_listening();
  stage.engine.reset_all();
  stage.kernel.run();
  CHECK(idle.closed);
  CHECK(busy.reset_received);
  CHECK(lingering.closed);
  CHECK(stage.application.news() == "request /, request /, lost, all-closed");
}

TEST_CASE("end() tells nothing, closes all, and every call after it is gone") {
  Stage stage;
  stage.open();
  stage.open(get("/"));
  stage.start("some");
  Peer& blocked = stage.open(get("/b"));
  stage.start();
  blocked.room = 0;
  Buffer buffer(std::string(100'000, 'x'));
  stage.engine.write(stage.exchange(), buffer.payload());
  stage.application.news();
  stage.end();
  CHECK(stage.engine.write(stage.exchange(), copied("x")) == WriteStatus::gone);
  stage.engine.abort(stage.exchange());
  stage.engine.stop_listening();
  stage.engine.reset_all();
  stage.kernel.run();
  CHECK(stage.kernel.ended());
  CHECK(stage.application.news() == "");
  CHECK(buffer.references() == 0);
}

TEST_CASE("end() in the middle of a dispatch") {
  Stage stage;
  size_t heard = 0;
  stage.application.on_event = [&](const Event& event) {
    if (++heard == 2) stage.end();
    stage.engine.answer(event.exchange, Stage::plain(), copied("x"));
  };
  for (int i = 0; i < 4; ++i) {
    stage.kernel.send(stage.open(), get("/"));
  }
  stage.kernel.run();
  CHECK(heard == 4);
}

TEST_CASE("end() forgets connections whose loss could not be told yet") {
  Stage stage;
  Peer& peer = stage.open(get("/"));
  stage.application.most_events = 0;
  stage.kernel.reset(peer);
  stage.kernel.turn();
  CHECK(peer.closed);
  CHECK(stage.engine.stats().connections == 1);
  stage.end();
  CHECK(stage.engine.stats().connections == 0);
}

TEST_CASE("connections beyond the limit are turned away") {
  conn::Limits limits;
  limits.max_connections = 2;
  Stage stage(limits);
  Peer& first = stage.open();
  stage.open();
  CHECK(stage.kernel.connect() == nullptr);
  stage.finish(first);
  CHECK(stage.kernel.connect() != nullptr);
}

TEST_CASE("stats count what is, and what was") {
  Stage stage;
  Peer& peer = stage.open(get("/"));
  stage.start("hello");
  conn::Stats stats = stage.engine.stats();
  CHECK(stats.connections == 1);
  CHECK(stats.exchanges == 1);
  CHECK(stats.bytes_written == peer.received.size());
  peer.room = 0;
  stage.write("12345");
  stats = stage.engine.stats();
  CHECK(stats.buffered_bytes == 10);  // "5\r\n12345\r\n"
  stage.reset(peer);
  stats = stage.engine.stats();
  CHECK(stats.connections == 0);
  CHECK(stats.exchanges == 0);
  CHECK(stats.buffered_bytes == 0);
  CHECK(stats.connections_total == 1);
  CHECK(stats.requests_total == 1);
}

}  // namespace
}  // namespace catzilla::test
