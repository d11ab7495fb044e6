#include "test/application.h"

#include <utility>

namespace catzilla::test {

namespace {

std::string_view name_of(conn::EventKind kind) {
  switch (kind) {
    case conn::EventKind::request:
      return "request";
    case conn::EventKind::body_readable:
      return "readable";
    case conn::EventKind::drained:
      return "drained";
    case conn::EventKind::half_closed:
      return "half-closed";
    case conn::EventKind::lost:
      return "lost";
    case conn::EventKind::failed:
      return "failed";
    case conn::EventKind::released:
      return "released";
    case conn::EventKind::missed:
      return "missed";
    case conn::EventKind::all_closed:
      return "all-closed";
  }
  return "?";
}

class SharedBytes final : public memory::ExternalBytes {
 public:
  SharedBytes(std::shared_ptr<std::string> bytes, std::shared_ptr<int> references)
      : bytes_(std::move(bytes)), references_(std::move(references)) {
    ++*references_;
  }
  ~SharedBytes() override { --*references_; }
  Slice bytes() override { return slice_of(*bytes_); }

 private:
  std::shared_ptr<std::string> bytes_;
  std::shared_ptr<int> references_;
};

}  // namespace

// ── Application ──────────────────────────────────────────────────────────────────────────────────

std::string Application::news() {
  std::string text;
  for (; seen_ < heard.size(); ++seen_) {
    if (!text.empty()) text += ", ";
    text += name_of(heard[seen_].kind);
    if (heard[seen_].kind == conn::EventKind::request) text += " " + target_of(heard[seen_]);
  }
  return text;
}

bool Application::has_room(size_t bytes) {
  return collected_.size() < most_events && collected_bytes_ + bytes <= most_head_bytes;
}

void Application::request(Handle exchange, const http::RequestHead& head, Slice bytes) {
  CONTRACT(bytes.size() == head.head_length);
  CONTRACT(has_room(bytes.size()));
  collected_.push_back(
      {conn::EventKind::request, exchange, {bytes.begin() + head.method_offset, bytes.end()}});
  collected_bytes_ += bytes.size();
}

void Application::notify(conn::EventKind kind, Handle exchange, uint32_t detail) {
  CONTRACT(has_room(0));
  collected_.push_back({kind, exchange, {}, detail});
}

void Application::dispatch() {
  const std::vector<Event> events = std::exchange(collected_, {});
  collected_bytes_ = 0;
  ++dispatches;
  for (const Event& event : events) {
    if (event.kind == conn::EventKind::request) latest_ = event.exchange;
    heard.push_back(event);
    if (on_event) on_event(event);
  }
}

std::string target_of(const Event& event) {
  const size_t start = event.head.find(' ') + 1;
  return event.head.substr(start, event.head.find(' ', start) - start);
}

std::string without_date(std::string text) {
  constexpr std::string_view kDate = "date: Sun, 06 Nov 1994 08:49:37 GMT\r\n";
  for (size_t at = 0; (at = text.find("\r\ndate: ", at)) != text.npos;) {
    text.erase(at + 2, kDate.size());
  }
  return text;
}

conn::Payload Buffer::payload() {
  return {slice_of(*bytes_), [bytes = bytes_, references = references_] {
            return std::make_unique<SharedBytes>(bytes, references);
          }};
}

// ── Stage ────────────────────────────────────────────────────────────────────────────────────────

namespace {

FakeKernel& attach_kernel(conn::Engine& engine) {
  auto kernel = std::make_unique<FakeKernel>(engine);
  FakeKernel& attached = *kernel;
  engine.attach(std::move(kernel));
  return attached;
}

}  // namespace

Stage::Stage(const conn::Limits& limits)
    : engine(limits, application), kernel(attach_kernel(engine)) {}

void Stage::end() {
  if (!std::exchange(ended_, true)) engine.end([] {});
}

Stage::~Stage() {
  end();
  kernel.run();
  CONTRACT(kernel.ended());
  const conn::Stats stats = engine.stats();
  CONTRACT(stats.connections == 0 && stats.exchanges == 0 && stats.buffered_bytes == 0);
}

Peer& Stage::open(std::string_view bytes) {
  Peer* peer = kernel.connect();
  CONTRACT(peer != nullptr);
  if (!bytes.empty()) send(*peer, bytes);
  return *peer;
}

void Stage::send(Peer& peer, std::string_view bytes) {
  kernel.send(peer, bytes);
  kernel.run();
}

void Stage::room(Peer& peer, size_t bytes) {
  kernel.make_room(peer, bytes);
  kernel.run();
}

void Stage::finish(Peer& peer) {
  kernel.finish(peer);
  kernel.run();
}

void Stage::reset(Peer& peer) {
  kernel.reset(peer);
  kernel.run();
}

std::string Stage::received(Peer& peer) {
  return without_date(std::exchange(peer.received, {}));
}

conn::WriteStatus Stage::answer(std::string_view body, uint16_t status) {
  const auto result = engine.answer(exchange(), plain(status), copied(body));
  kernel.run();
  return result;
}

conn::WriteStatus Stage::start(std::string_view first, uint16_t status) {
  const auto result = engine.start(exchange(), plain(status), copied(first), false);
  kernel.run();
  return result;
}

conn::WriteStatus Stage::start_sized(uint64_t length, std::string_view first) {
  conn::ResponseOptions options = plain();
  options.has_length = true;
  options.length = length;
  const auto result = engine.start(exchange(), options, copied(first), false);
  kernel.run();
  return result;
}

conn::WriteStatus Stage::write(std::string_view text) {
  const auto result = engine.write(exchange(), copied(text));
  kernel.run();
  return result;
}

conn::WriteStatus Stage::send_file(uint64_t offset, uint64_t length) {
  const auto result =
      engine.send_file(exchange(), {.fd = FakeKernel::kFile, .offset = offset, .length = length});
  kernel.run();
  return result;
}

conn::WriteStatus Stage::finish(std::string_view last) {
  const auto result = engine.finish(exchange(), copied(last));
  kernel.run();
  return result;
}

conn::BodyRead Stage::read() {
  return engine.read_body(exchange());
}

std::string Stage::read_text() {
  const conn::BodyRead read = this->read();
  using State = conn::BodyRead::State;
  switch (read.state) {
    case State::bytes:
      return "text '" + std::string(read.bytes.begin(), read.bytes.end()) + "'";
    case State::end:
      return "end";
    case State::wait:
      return "wait";
    case State::cut:
      return "cut";
    case State::late:
      return "late";
    case State::malformed:
      return "malformed " + std::string(http::error_name(read.error));
    case State::gone:
      return "gone";
  }
  return "?";
}

conn::ResponseOptions Stage::plain(uint16_t status) {
  conn::ResponseOptions options;
  options.status = status;
  options.date = false;
  return options;
}

std::string get(std::string_view target, std::string_view fields) {
  std::string text = "GET ";
  text.append(target).append(" HTTP/1.1\r\nhost: a\r\n").append(fields).append("\r\n");
  return text;
}

}  // namespace catzilla::test
