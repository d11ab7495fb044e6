// The engine between a kernel and an application that both do whatever the input says: bytes cut
// anywhere, partial writes, peers that leave, calls in any order, events without room. The front
// of the input is what peers send, its back is the choices.
//
// Whatever happens: no crash and no leak; each request is told once and hears of at most one end;
// what a peer receives is well-formed, in the order of its requests, and what the application
// wrote; and once everybody has left, nothing is left of them.

#include <charconv>
#include <deque>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "fuzz/fuzz.h"
#include "test/application.h"

namespace {

using namespace catzilla;
using conn::EventKind;
using conn::WriteStatus;
using test::Buffer;
using test::Peer;
using test::Stage;

// Read from both ends, which meet.
class Input {
 public:
  explicit Input(std::string_view bytes) : bytes_(bytes) {}

  bool empty() const { return bytes_.empty(); }

  // 0 when the input is used up.
  size_t choose(size_t below) {
    if (bytes_.empty()) return 0;
    const auto last = static_cast<uint8_t>(bytes_.back());
    bytes_.remove_suffix(1);
    return last % below;
  }

  std::string_view wire(size_t size) {
    const std::string_view taken = bytes_.substr(0, size);
    bytes_.remove_prefix(taken.size());
    return taken;
  }

 private:
  std::string_view bytes_;
};

// One request, and what the application made of it.
struct Exchange {
  enum class State {
    fresh,
    streaming,
    finishing,  // `drained` will follow, or `lost`
    answered,   // in one call; `lost` may follow
    finished,
    broken,  // aborted, or a call found it gone: then `lost` may follow
    lost,
  };

  Handle handle;
  size_t number;
  Peer* peer;
  bool is_head;
  bool expects_continue;
  State state = State::fresh;
  uint16_t status = 0;
  std::string body;
  bool ended = false;    // the application wrote all of it
  bool aborted = false;  // perhaps behind its end, while bytes were on their way

  bool over() const { return state >= State::answered; }
};

constexpr std::string_view kRequests[] = {
    "GET / HTTP/1.1\r\nhost: a\r\n\r\n",
    "HEAD / HTTP/1.1\r\nhost: a\r\n\r\n",
    "GET / HTTP/1.0\r\n\r\n",
    "GET / HTTP/1.0\r\nconnection: keep-alive\r\n\r\n",
    "GET / HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n",
    "POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 5\r\n\r\nhello",
    "POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
    "POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 5\r\nexpect: 100-continue\r\n\r\nhello",
    "POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n100000\r\n",
    "POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 300000\r\n\r\n",
    "CONNECT a:1 HTTP/1.1\r\nhost: a:1\r\n\r\n",
    "GET / HTTP/1.1\r\n\r\n",
};

constexpr uint16_t kStatuses[] = {200, 404, 204, 304, 500};

class Play {
 public:
  explicit Play(Input input) : input_(input), stage_(limits(input_)) {
    constexpr size_t kPlaces[] = {1000, 1, 2, 5};
    stage_.application.most_events = kPlaces[input_.choose(4)];
    stage_.application.most_head_bytes = input_.choose(2) == 0 ? 256 * 1024 : 2048;
    stage_.application.on_event = [this](const test::Event& event) { hear(event); };
    if (input_.choose(2) == 0) return;
    stage_.kernel.wakes = test::FakeKernel::Wakes::told;
    if (input_.choose(2) == 1) stage_.kernel.file = file();
  }

  void run() {
    while (!input_.empty() && !ended_) {
      act();
    }
    if (!ended_) {
      settle();
    }
    stage_.end();
    stage_.kernel.run();
    for (Peer* peer : peers_) {
      check(*peer);
    }
    for (const Buffer& buffer : buffers_) {
      FUZZ_CHECK(buffer.references() == 0);
    }
  }

 private:
  static conn::Limits limits(Input& input) {
    conn::Limits limits;
    limits.http.max_head_bytes = 2048;
    if (input.choose(4) == 1) limits.max_connections = 2;
    return limits;
  }

  // ── the network ──

  void act() {
    switch (input_.choose(16)) {
      case 0:
      case 1:
        if (Peer* peer = stage_.kernel.connect()) peers_.push_back(peer);
        return;
      case 2:
      case 3:
        if (Peer* peer = any_peer()) stage_.kernel.send(*peer, input_.wire(1 + input_.choose(64)));
        return;
      case 4:
      case 5:
        if (Peer* peer = any_peer()) {
          stage_.kernel.send(*peer, kRequests[input_.choose(std::size(kRequests))]);
        }
        return;
      case 6:
        if (Peer* peer = any_peer()) {
          stage_.kernel.send(*peer, std::string(input_.choose(256) * 300, 'x'));
        }
        return;
      case 7:
        if (Peer* peer = any_peer()) peer->room = input_.choose(64);
        return;
      case 8:
        if (Peer* peer = any_peer()) stage_.kernel.make_room(*peer, input_.choose(256) * 200);
        return;
      case 9:
        return leave();
      case 10:
        return stage_.kernel.advance(static_cast<uint32_t>(input_.choose(256)) * 100);
      case 11:
        return end_something();
      case 12:
      case 13:
        if (!exchanges_.empty()) use(exchanges_[input_.choose(exchanges_.size())]);
        return;
      default:
        stage_.kernel.turn();
    }
  }

  Peer* any_peer() { return peers_.empty() ? nullptr : peers_[input_.choose(peers_.size())]; }

  void leave() {
    Peer* peer = any_peer();
    if (peer == nullptr) return;
    switch (input_.choose(3)) {
      case 0:
        return stage_.kernel.finish(*peer);
      case 1:
        return stage_.kernel.reset(*peer);
      default:
        return stage_.kernel.vanish(*peer);
    }
  }

  void end_something() {
    switch (input_.choose(8)) {
      case 0:
        return stage_.engine.stop_listening();
      case 1:
        return stage_.engine.reset_all();
      case 2:
        ended_ = true;
        return;
      default:
        return;
    }
  }

  // Everybody finishes what is under way, and leaves.
  void settle() {
    settling_ = true;
    for (Peer* peer : peers_) {
      peer->room = SIZE_MAX;
    }
    // The answer to one request may bring the next.
    for (bool answered = true; answered;) {
      stage_.kernel.run();
      answered = false;
      for (size_t i = 0; i < exchanges_.size(); ++i) {
        if (exchanges_[i].over()) continue;
        complete(exchanges_[i]);
        answered = true;
      }
    }
    for (Peer* peer : peers_) {
      stage_.kernel.finish(*peer);
    }
    stage_.kernel.run();
    for (size_t i = 0; i < exchanges_.size(); ++i) {
      if (!exchanges_[i].over()) complete(exchanges_[i]);
    }
    stage_.kernel.advance(100'000);
    FUZZ_CHECK(stage_.engine.stats().connections == 0);
    FUZZ_CHECK(stage_.engine.stats().exchanges == 0);
    FUZZ_CHECK(stage_.engine.stats().buffered_bytes == 0);
    for (const Exchange& exchange : exchanges_) {
      FUZZ_CHECK(exchange.over());
    }
    FUZZ_CHECK(stage_.kernel.tick_ms() == 0);
  }

  // ── the application ──

  void hear(const test::Event& event) {
    FUZZ_CHECK(!ended_);
    if (event.kind == EventKind::all_closed) {
      FUZZ_CHECK(!std::exchange(all_closed_, true));
      FUZZ_CHECK(stage_.engine.stats().connections == 0);
      return;
    }
    if (event.kind == EventKind::request) return hear_request(event);
    Exchange* exchange = find(event.exchange);
    FUZZ_CHECK(exchange != nullptr);
    FUZZ_CHECK(exchange->state != Exchange::State::lost);
    if (event.kind == EventKind::lost || event.kind == EventKind::failed) {
      FUZZ_CHECK(exchange->state != Exchange::State::finished);
      exchange->state = Exchange::State::lost;
      return;
    }
    if (event.kind == EventKind::drained && exchange->state == Exchange::State::finishing) {
      exchange->state = Exchange::State::finished;
      return;
    }
    if (input_.choose(2) == 1) use(*exchange);
  }

  void hear_request(const test::Event& event) {
    FUZZ_CHECK(find(event.exchange) == nullptr);
    Peer* peer = nullptr;
    for (Peer* each : peers_) {
      if (each->id == event.exchange.slot) peer = each;  // the latest is the one
    }
    FUZZ_CHECK(peer != nullptr);
    for (const Exchange& other : exchanges_) {
      FUZZ_CHECK(other.peer != peer || other.over());  // one at a time
    }
    exchanges_.push_back({.handle = event.exchange,
                          .number = exchanges_.size(),
                          .peer = peer,
                          .is_head = event.head.starts_with("HEAD "),
                          .expects_continue = event.head.find("100-") != std::string::npos,
                          .body = {}});
    if (input_.choose(3) > 0) use(exchanges_.back());
  }

  Exchange* find(Handle handle) {
    for (Exchange& exchange : exchanges_) {
      if (exchange.handle.slot == handle.slot && exchange.handle.generation == handle.generation) {
        return &exchange;
      }
    }
    return nullptr;
  }

  // Any call, also on what is over.
  void use(Exchange& exchange) {
    switch (input_.choose(9)) {
      case 0:
        return answer(exchange);
      case 1:
        return start(exchange);
      case 2:
      case 3:
        return write(exchange);
      case 4:
        return finish(exchange, next_payload());
      case 5:
        return abort(exchange);
      case 6:
        return read(exchange);
      case 7:
        return send_file(exchange);
      default:
        if (!buffers_.empty()) buffers_[input_.choose(buffers_.size())].take_away();
    }
  }

  void complete(Exchange& exchange) {
    if (exchange.state == Exchange::State::fresh) answer(exchange);
    if (exchange.state == Exchange::State::streaming) finish(exchange, {});
    stage_.kernel.run();
  }

  struct Text {
    conn::Payload payload;
    std::string text;
  };

  // The engine borrows it during the call, or keeps a buffer.
  Text next_payload() {
    constexpr size_t kSizes[] = {0, 1, 5, 200, 16 * 1024, 40'000, 150'000};
    const size_t size = settling_ ? 5 : kSizes[input_.choose(std::size(kSizes))];
    Text next;
    next.text.assign(size, static_cast<char>('a' + payloads_++ % 26));
    if (input_.choose(2) == 1) {
      buffers_.emplace_back(next.text);
      next.payload = buffers_.back().payload();
    }
    return next;
  }
  static conn::Payload payload_of(const Text& next) {
    return next.payload.keep ? next.payload : test::copied(next.text);
  }

  conn::ResponseOptions options(Exchange& exchange) {
    fields_ = "x-number: " + std::to_string(exchange.number) + "\r\n";
    conn::ResponseOptions options = Stage::plain(kStatuses[input_.choose(std::size(kStatuses))]);
    options.fields = fields_;
    constexpr uint32_t kMarks[] = {64 * 1024, 0, 100};
    options.high_water_mark = kMarks[input_.choose(std::size(kMarks))];
    return options;
  }

  void answer(Exchange& exchange) {
    const conn::ResponseOptions options = this->options(exchange);
    const Text body = next_payload();
    const auto status = stage_.engine.answer(exchange.handle, options, payload_of(body));
    if (exchange.state != Exchange::State::fresh) {
      FUZZ_CHECK(status == WriteStatus::gone);
    } else if (status == WriteStatus::ok) {
      exchange.state = Exchange::State::answered;
      exchange.status = options.status;
      exchange.body = body.text;
      exchange.ended = true;
    } else {
      exchange.state = Exchange::State::broken;
    }
  }

  void start(Exchange& exchange) {
    conn::ResponseOptions options = this->options(exchange);
    const Text first = next_payload();
    options.has_length = input_.choose(4) == 1;
    options.length = first.text.size() + input_.choose(8);
    if (input_.choose(2) == 1) options.length += file_range();
    const bool end = input_.choose(4) == 1;
    const auto status = stage_.engine.start(exchange.handle, options, payload_of(first), end);
    if (exchange.state != Exchange::State::fresh) {
      FUZZ_CHECK(status == WriteStatus::gone);
      return;
    }
    exchange.state = Exchange::State::streaming;
    exchange.status = options.status;
    took(exchange, status, first.text, end);
  }

  void write(Exchange& exchange) {
    const Text next = next_payload();
    const auto status = stage_.engine.write(exchange.handle, payload_of(next));
    if (exchange.state != Exchange::State::streaming) {
      FUZZ_CHECK(status == WriteStatus::gone);
      return;
    }
    took(exchange, status, next.text, false);
  }

  void finish(Exchange& exchange, const Text& last) {
    const auto status = stage_.engine.finish(exchange.handle, payload_of(last));
    if (exchange.state != Exchange::State::streaming) {
      FUZZ_CHECK(status == WriteStatus::gone);
      return;
    }
    took(exchange, status, last.text, true);
  }

  // Also beyond the end of the file, and where no file can go.
  void send_file(Exchange& exchange) {
    const uint64_t length = settling_ ? 0 : file_range();
    const uint64_t offset = input_.choose(4) * (kFileBytes / 3);
    const auto status = stage_.engine.send_file(
        exchange.handle, {.fd = test::FakeKernel::kFile, .offset = offset, .length = length});
    if (exchange.state != Exchange::State::streaming) {
      FUZZ_CHECK(status == WriteStatus::gone);
      return;
    }
    took(exchange, status, file().substr(offset, length), false);
  }

  static constexpr size_t kFileBytes = 90'000;

  uint64_t file_range() {
    constexpr uint64_t kLengths[] = {0, 1, 30'000, kFileBytes};
    return kLengths[input_.choose(std::size(kLengths))];
  }

  static const std::string& file() {
    static const std::string content = [] {
      std::string text;
      while (text.size() < kFileBytes)
        text += std::to_string(text.size()) + ' ';
      text.resize(kFileBytes);
      return text;
    }();
    return content;
  }

  void took(Exchange& exchange, WriteStatus status, const std::string& text, bool end) {
    exchange.body += text;
    if (status == WriteStatus::gone) {
      exchange.state = Exchange::State::broken;
    } else if (end) {
      exchange.ended = true;
      exchange.state =
          status == WriteStatus::ok ? Exchange::State::finished : Exchange::State::finishing;
    }
  }

  void abort(Exchange& exchange) {
    stage_.engine.abort(exchange.handle);
    exchange.aborted = true;
    if (!exchange.over()) exchange.state = Exchange::State::broken;
  }

  void read(Exchange& exchange) {
    const auto read = stage_.engine.read_body(exchange.handle);
    using State = conn::BodyRead::State;
    if (read.state == State::bytes) FUZZ_CHECK(!read.bytes.empty());
    if (exchange.over()) FUZZ_CHECK(read.state == State::gone);
  }

  // ── what peers received ──

  // The answers to this peer's requests in their order, each as the application gave it. Only a
  // break may cut them short.
  void check(const Peer& peer) {
    std::string_view rest = peer.received;
    bool persists = true;
    for (const Exchange& exchange : exchanges_) {
      if (exchange.peer != &peer) continue;
      FUZZ_CHECK(persists);  // no request behind the last answer
      if (exchange.expects_continue && rest.starts_with(kContinue)) {
        rest.remove_prefix(kContinue.size());
      }
      const size_t head_end = rest.find("\r\n\r\n");
      if (head_end == rest.npos) {
        FUZZ_CHECK(may_be_cut(peer, exchange));
        return;
      }
      const std::string_view head = rest.substr(0, head_end + 4);
      rest.remove_prefix(head.size());
      FUZZ_CHECK(head.starts_with("HTTP/1.1 " + std::to_string(exchange.status) + " "));
      FUZZ_CHECK(head.find("\r\nx-number: " + std::to_string(exchange.number) + "\r\n") !=
                 head.npos);
      persists = head.find("\r\nconnection: close\r\n") == head.npos;
      if (!check_body(peer, exchange, head, rest)) return;
    }
    if (!rest.empty()) check_refusal(peer, rest);
  }

  // `false` when nothing can follow: the body was cut, or ended with the connection.
  bool check_body(const Peer& peer, const Exchange& exchange, std::string_view head,
                  std::string_view& rest) {
    if (exchange.is_head || exchange.status == 204 || exchange.status == 304) return true;
    const size_t length_at = head.find("\r\ncontent-length: ");
    std::string body;
    bool whole = false;
    bool until_close = false;
    if (length_at != head.npos) {
      const size_t length = number_at(head, length_at + 18, 10);
      body = rest.substr(0, length);
      whole = body.size() == length;
      rest.remove_prefix(body.size());
    } else if (head.find("\r\ntransfer-encoding: chunked\r\n") != head.npos) {
      whole = dechunk(rest, body);
    } else {
      body = std::exchange(rest, {});
      until_close = true;
      whole = peer.fin_received && !peer.reset_received && !peer.gone;
    }
    FUZZ_CHECK(exchange.body.starts_with(body));
    if (whole && exchange.ended) FUZZ_CHECK(body == exchange.body);
    if (whole && !exchange.ended) FUZZ_CHECK(length_at != head.npos);
    if (!whole) FUZZ_CHECK(may_be_cut(peer, exchange));
    return whole && !until_close;
  }

  static bool may_be_cut(const Peer& peer, const Exchange& exchange) {
    return peer.gone || peer.reset_received || exchange.aborted || !exchange.ended;
  }

  // A malformed or impossible request: answered in its turn, and nothing behind it.
  static void check_refusal(const Peer& peer, std::string_view rest) {
    const size_t head_end = rest.find("\r\n\r\n");
    if (head_end == rest.npos) {
      FUZZ_CHECK(std::string_view("HTTP/1.1 ").starts_with(rest.substr(0, 9)));
    } else {
      const std::string_view head = rest.substr(0, head_end + 4);
      const std::string_view reason = rest.substr(head.size());
      const size_t length_at = head.find("\r\nconnection: close\r\ncontent-length: ");
      FUZZ_CHECK(head.starts_with("HTTP/1.1 4") || head.starts_with("HTTP/1.1 50"));
      FUZZ_CHECK(length_at != head.npos);
      FUZZ_CHECK(reason.size() <= number_at(head, length_at + 37, 10));
      FUZZ_CHECK(peer.ended());
    }
  }

  static size_t number_at(std::string_view text, size_t at, int base) {
    size_t number = 0;
    std::from_chars(text.data() + at, text.data() + text.size(), number, base);
    return number;
  }

  // Takes a chunked body off `rest`. `false` when its end is missing.
  static bool dechunk(std::string_view& rest, std::string& body) {
    while (true) {
      const size_t line_end = rest.find("\r\n");
      if (line_end == rest.npos) return false;
      const size_t size = number_at(rest, 0, 16);
      rest.remove_prefix(line_end + 2);
      if (size == 0) {
        if (!rest.starts_with("\r\n")) return false;
        rest.remove_prefix(2);
        return true;
      }
      body += rest.substr(0, size);
      if (rest.size() < size + 2) return false;
      FUZZ_CHECK(rest.substr(size, 2) == "\r\n");
      rest.remove_prefix(size + 2);
    }
  }

  static constexpr std::string_view kContinue = "HTTP/1.1 100 Continue\r\n\r\n";

  Input input_;
  Stage stage_;
  std::vector<Peer*> peers_;
  std::deque<Exchange> exchanges_;
  std::deque<Buffer> buffers_;
  std::string fields_;
  size_t payloads_ = 0;
  bool settling_ = false;
  bool all_closed_ = false;
  bool ended_ = false;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  Play(Input({reinterpret_cast<const char*>(data), size})).run();
  return 0;
}
