// Files that the kernel sends.

#include <doctest/doctest.h>

#include <string>

#include "conn/limits.h"
#include "test/application.h"

namespace catzilla::test {
namespace {

using conn::WriteStatus;

constexpr size_t kSize = 300'000;

std::string content() {
  std::string text;
  while (text.size() < kSize)
    text += std::to_string(text.size()) + ' ';
  text.resize(kSize);
  return text;
}

struct FileStage : Stage {
  FileStage() {
    kernel.wakes = FakeKernel::Wakes::told;
    kernel.file = content();
  }
};

const std::string kHead = "HTTP/1.1 200 OK\r\ncontent-length: 300000\r\n\r\n";

}  // namespace

TEST_CASE_FIXTURE(FileStage, "a file goes out behind its head, and the connection goes on") {
  Peer& peer = open(get("/"));
  CHECK(start_sized(kSize) == WriteStatus::ok);
  CHECK(send_file(0, kSize) == WriteStatus::ok);
  CHECK(finish() == WriteStatus::ok);
  CHECK((received(peer) == kHead + content()));
  send(peer, get("/again"));
  CHECK(application.news() == "request /, request /again");
}

TEST_CASE_FIXTURE(FileStage, "a part of a file, after text and before text") {
  Peer& peer = open(get("/"));
  start_sized(22, "before ");
  CHECK(send_file(1000, 9) == WriteStatus::ok);
  CHECK(finish(" after") == WriteStatus::ok);
  CHECK(received(peer) == "HTTP/1.1 200 OK\r\ncontent-length: 22\r\n\r\nbefore " +
                              content().substr(1000, 9) + " after");
}

TEST_CASE("a file arrives whole, wherever the kernel stops taking") {
  for (const size_t first : {0, 1, 30, 43, 44, 1000, 200'000}) {
    FileStage stage;
    Peer& peer = stage.open();
    peer.room = first;
    stage.send(peer, get("/"));
    stage.start_sized(kSize);
    CHECK(stage.send_file(0, kSize) == WriteStatus::blocked);
    CHECK(stage.application.news() == "request /");
    while (peer.received.size() < kHead.size() + kSize)
      stage.room(peer, 70'001);
    CHECK((stage.received(peer) == kHead + content()));
    CHECK(stage.application.news() == "drained");
    CHECK(stage.finish() == WriteStatus::ok);
    CHECK(stage.engine.stats().exchanges == 0);
  }
}

TEST_CASE_FIXTURE(FileStage, "a large file lets others have their turn") {
  kernel.file = std::string(3 * conn::kFileBytesPerWake, 'x');
  Peer& peer = open(get("/"));
  start_sized(kernel.file->size());
  const auto range = conn::FileRange{.fd = FakeKernel::kFile, .length = kernel.file->size()};
  CHECK(engine.send_file(exchange(), range) == WriteStatus::blocked);
  CHECK(peer.received.size() < 2 * conn::kFileBytesPerWake);
  kernel.run();
  CHECK(application.news() == "request /, drained");
  CHECK(kernel.file_reads == 3);
  CHECK(finish() == WriteStatus::ok);
}

TEST_CASE_FIXTURE(FileStage,
                  "a file that ends early breaks the connection, and the application hears why") {
  Peer& peer = open();
  peer.room = 1000;
  send(peer, get("/"));
  start_sized(kSize);
  CHECK(send_file(0, kSize) == WriteStatus::blocked);
  kernel.file->resize(100'000);
  room(peer, SIZE_MAX);
  CHECK(peer.reset_received);
  CHECK(application.news() == "request /, failed");
  CHECK(finish() == WriteStatus::gone);
}

TEST_CASE_FIXTURE(FileStage, "a peer that leaves in the middle of a file is lost") {
  Peer& peer = open();
  peer.room = 1000;
  send(peer, get("/"));
  start_sized(kSize);
  send_file(0, kSize);
  reset(peer);
  CHECK(application.news() == "request /, lost");
  const size_t reads = kernel.file_reads;
  room(peer, SIZE_MAX);
  CHECK(kernel.file_reads == reads);  // its descriptor may be another file by now
}

TEST_CASE_FIXTURE(FileStage, "an aborted file is not read any more") {
  Peer& peer = open();
  peer.room = 1000;
  send(peer, get("/"));
  start_sized(kSize);
  send_file(0, kSize);
  engine.abort(exchange());
  const size_t reads = kernel.file_reads;
  room(peer, SIZE_MAX);
  CHECK(kernel.file_reads == reads);
  CHECK(peer.ended());
}

TEST_CASE_FIXTURE(FileStage, "a peer that takes nothing of a file is dropped in time") {
  Peer& peer = open();
  peer.room = 1000;
  send(peer, get("/"));
  start_sized(kSize);
  send_file(0, kSize);
  kernel.advance(conn::Limits{}.write_timeout_ms - 1'000);
  room(peer, 1000);  // it moves
  kernel.advance(conn::Limits{}.write_timeout_ms - 1'000);
  CHECK(application.news() == "request /");
  kernel.advance(3'000);
  CHECK(application.news() == "lost");
}

TEST_CASE_FIXTURE(FileStage, "what does not fit its framing breaks the answer off") {
  SUBCASE("more than was declared") {
    open(get("/"));
    start_sized(10);
    CHECK(send_file(0, 11) == WriteStatus::gone);
  }
  SUBCASE("chunked") {
    open(get("/"));
    start();
    CHECK(send_file(0, 11) == WriteStatus::gone);
  }
  SUBCASE("text in the middle of it") {
    Peer& peer = open();
    peer.room = 1000;
    send(peer, get("/"));
    start_sized(kSize + 4);
    CHECK(send_file(0, kSize) == WriteStatus::blocked);
    CHECK(write("text") == WriteStatus::gone);
    room(peer, SIZE_MAX);
  }
  SUBCASE("a transport that sends no files") {
    kernel.file = std::nullopt;
    open(get("/"));
    start_sized(10);
    CHECK(send_file(0, 10) == WriteStatus::gone);
  }
}

TEST_CASE_FIXTURE(FileStage, "HEAD sends nothing of a file") {
  Peer& peer = open("HEAD / HTTP/1.1\r\nhost: a\r\n\r\n");
  start_sized(kSize);
  CHECK(send_file(0, kSize) == WriteStatus::ok);
  finish();
  CHECK(received(peer) == kHead);
}

TEST_CASE("streams wait when all of them together hold too much") {
  conn::Limits limits;
  limits.max_buffered_bytes = 10'000;
  Stage stage(limits);
  Peer& first = stage.open();
  first.room = 0;
  stage.send(first, get("/"));
  CHECK(stage.start(std::string(9'000, 'x')) == WriteStatus::ok);
  Peer& second = stage.open();
  second.room = 0;
  stage.send(second, get("/"));
  CHECK(stage.start(std::string(2'000, 'x')) == WriteStatus::blocked);
  CHECK(stage.engine.stats().buffered_bytes > 11'000);
  stage.room(second, SIZE_MAX);
  CHECK(stage.application.news() == "request /, request /, drained");
  CHECK(stage.engine.stats().buffered_peak > stage.engine.stats().buffered_bytes);
}

}  // namespace catzilla::test
