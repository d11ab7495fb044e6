#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "conn/engine.h"
#include "test/fake_kernel.h"

namespace catzilla::test {

struct Event {
  conn::EventKind kind;
  Handle exchange;
  std::string head;  // of a request
  uint32_t detail = 0;
};

// What an application hears, with room for as much as a test allows.
class Application final : public conn::EventSink {
 public:
  size_t most_events = 1000;
  size_t most_head_bytes = 256 * 1024;

  // Called for each event, inside the dispatch of its wake.
  std::function<void(const Event&)> on_event;

  // All events that were dispatched, in order.
  std::vector<Event> heard;
  size_t dispatches = 0;

  // Names of the events since the last call: "request /a, lost".
  std::string news();
  // The exchange of the latest request.
  Handle exchange() const { return latest_; }

  // conn::EventSink
  bool has_room(size_t bytes) override;
  void request(Handle exchange, const http::RequestHead& head, Slice bytes) override;
  void notify(conn::EventKind kind, Handle exchange, uint32_t detail) override;
  bool empty() override { return collected_.empty(); }
  void dispatch() override;

 private:
  std::vector<Event> collected_;
  size_t collected_bytes_ = 0;
  size_t seen_ = 0;
  Handle latest_;
};

// "/a" of "GET /a HTTP/1.1".
std::string target_of(const Event& event);

// The lines of a head or answer without the one whose value changes each second.
std::string without_date(std::string text);

inline conn::Payload copied(std::string_view text) {
  return {slice_of(text), nullptr};
}

// Bytes that stay where they are while they wait, and may be taken away.
class Buffer {
 public:
  explicit Buffer(std::string bytes)
      : bytes_(std::make_shared<std::string>(std::move(bytes))),
        references_(std::make_shared<int>()) {}

  conn::Payload payload();
  void take_away() {
    bytes_->clear();
    bytes_->shrink_to_fit();
  }
  void shrink(size_t size) { bytes_->resize(size); }
  int references() const { return *references_; }

 private:
  std::shared_ptr<std::string> bytes_;
  std::shared_ptr<int> references_;
};

// An engine between a scripted kernel and a scripted application. Nothing may be left when it goes.
class Stage {
 public:
  explicit Stage(const conn::Limits& limits = {});
  ~Stage();

  Application application;
  conn::Engine engine;
  FakeKernel& kernel;

  // Connects, sends, and runs until nothing happens any more.
  Peer& open(std::string_view bytes = "");
  void send(Peer& peer, std::string_view bytes);
  void room(Peer& peer, size_t bytes);
  void finish(Peer& peer);
  void reset(Peer& peer);
  // What came since the last call, without its date.
  std::string received(Peer& peer);

  // Answers of the latest request.
  Handle exchange() const { return application.exchange(); }
  conn::WriteStatus answer(std::string_view body, uint16_t status = 200);
  conn::WriteStatus start(std::string_view first = "", uint16_t status = 200);
  conn::WriteStatus start_sized(uint64_t length, std::string_view first = "");
  conn::WriteStatus write(std::string_view text);
  // Of the kernel's file.
  conn::WriteStatus send_file(uint64_t offset, uint64_t length);
  conn::WriteStatus finish(std::string_view last = "");
  conn::BodyRead read();
  // "text 'abc'", "wait", "end" …
  std::string read_text();

  // For options: no Date, as its value changes.
  static conn::ResponseOptions plain(uint16_t status = 200);

  // Begins the end of the engine; the destructor does it in any case, and sees it through.
  void end();

 private:
  bool ended_ = false;
};

// A request with nothing but its host.
std::string get(std::string_view target, std::string_view fields = "");

}  // namespace catzilla::test
