// subscribe: opens many event streams, has events published, and waits until each stream has them.
//
//   subscribe --port P --event TEXT [--lead TEXT] [--path /subscribe] [--header 'Name: value']…
//             [--connections 1000] [--patience S] [--core C] [--deadline S]
//
// --event     an event; each # in it stands for a digit of its number, which counts from 1
// --lead      what a payload may begin with, ahead of the events
// --patience  for how long nothing may come while something is missing: then that is lost (20)
//
// Prints one JSON line when all streams are open. Then takes lines `PATH EVENTS TIMES` from its
// stdin: as often, it asks the server for PATH/FIRST/EVENTS, which is to publish so many events,
// the first one with that number, and waits until they are everywhere. Prints a JSON line for each
// line, and the last one when its stdin ends. Leaves with an error when a stream breaks off, or has
// anything else than the events in their order.
//
// Made to be no burden to the sender, as a client on another machine would be none: it is asleep
// while bytes come (waking it would be the sender's work), looks several times in a millisecond
// (less often while nothing comes), and reads all there is.

#include <sys/epoll.h>

#include <algorithm>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "clock.h"
#include "command_line.h"
#include "request.h"
#include "response_parser.h"
#include "socket.h"

namespace bench {

struct Stream {
  Fd socket;
  ResponseParser parser;
  size_t lead_left = 0;
  size_t received = 0;  // payload bytes of what is being published
};

class Subscribers {
 public:
  explicit Subscribers(const CommandLine& line)
      : request_(build_request(line, "/subscribe")),
        port_(line.port()),
        count_(line.number("--connections", 1000)),
        event_(line.text("--event", "")),
        lead_(line.text("--lead", "")),
        patience_ns_(line.number("--patience", 20) * 1'000'000'000) {
    if (event_.empty()) die("--event is missing");
    if (!lead_.empty() && lead_[0] == event_[0]) die("a lead must not begin as the events do");
    raise_descriptor_limit();
    streams_.reserve(count_);
    watch(STDIN_FILENO, EPOLLIN, nullptr);
  }

  void run() {
    uint64_t started_at = now_ns();
    for (size_t i = 0; i < count_; ++i) {
      open(i);
      // Behind a queue of connections that were not accepted yet, a new one would wait for seconds.
      while (streams_.size() - open_ > kMostUnanswered)
        turn(-1);
    }
    while (open_ < count_)
      turn(-1);
    std::printf("{\"streams\":%zu,\"seconds\":%.6f}\n", open_, seconds_since(started_at));
    std::fflush(stdout);
    while (true) {
      while (!ended_ && commands_.find('\n') == std::string::npos)
        turn(-1);
      if (ended_) break;
      size_t end = commands_.find('\n');
      obey(commands_.substr(0, end));
      commands_.erase(0, end + 1);
    }
    std::printf("{\"streams\":%zu}\n", streams_.size());
  }

 private:
  static constexpr size_t kMostUnanswered = 128;
  static constexpr size_t kStreamsPerAddress = 4000;
  static constexpr int kMostEvents = 512;
  static constexpr long kNapNs = 150'000;
  static constexpr long kLongestNapNs = 16 * kNapNs;

  void open(size_t index) {
    auto stream = std::make_unique<Stream>();
    stream->socket = connect_to(port_, 2 + static_cast<uint8_t>(index / kStreamsPerAddress));
    send_request(stream->socket.get(), request_);
    set_nonblocking(stream->socket.get());
    watch(stream->socket.get(), EPOLLIN | EPOLLET, stream.get());
    streams_.push_back(std::move(stream));
  }

  void watch(int fd, uint32_t events, void* data) {
    epoll_event event{.events = events, .data = {.ptr = data}};
    if (epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, fd, &event) != 0)
      die("cannot watch a descriptor: %s", std::strerror(errno));
  }

  // Reads what there is; returns from how many.
  int turn(int timeout_ms) {
    epoll_event events[kMostEvents];
    int ready = epoll_wait(epoll_.get(), events, kMostEvents, timeout_ms);
    for (int i = 0; i < ready; ++i) {
      void* source = events[i].data.ptr;
      if (source == nullptr) {
        read_commands();
      } else if (source == &control_) {
        read_answer();
      } else {
        receive(*static_cast<Stream*>(source));
      }
    }
    return ready;
  }

  void read_commands() {
    ssize_t size = read(STDIN_FILENO, buffer_, sizeof buffer_);
    if (size > 0) commands_.append(buffer_, static_cast<size_t>(size));
    ended_ = ended_ || size <= 0;
    if (ended_ && open_ < count_) die("stdin ended before all streams were open");
  }

  // ── publishing ─────────────────────────────────────────────────────────────────────────────────

  void obey(const std::string& command) {
    char path[64];
    size_t events = 0;
    size_t times = 0;
    if (std::sscanf(command.c_str(), "%63s %zu %zu", path, &events, &times) != 3)
      die("not a command: %s", command.c_str());
    // A connection for each command: servers close those that are silent for some seconds.
    control_ = connect_to(port_);
    set_nonblocking(control_.get());
    watch(control_.get(), EPOLLIN, &control_);
    uint64_t bytes_before = wire_bytes_;
    double seconds = 0;
    size_t lost = 0;
    for (size_t i = 0; i < times && lost == 0; ++i) {
      seconds += publish(path, events);
      lost = missing_events(events);
    }
    control_ = Fd();
    std::printf("{\"seconds\":%.6f,\"deliveries\":%zu,\"lost\":%zu,\"bytes\":%llu}\n", seconds,
                streams_.size() * events * times - lost, lost,
                static_cast<unsigned long long>(wire_bytes_ - bytes_before));
    std::fflush(stdout);
    if (lost > 0) die("%zu deliveries were lost", lost);
  }

  // Seconds until the last stream had all; or until nothing came any more.
  double publish(const std::string& path, size_t events) {
    expect(events);
    answer_.reset();
    uint64_t started_at = now_ns();
    send_request(control_.get(), "GET " + path + "/" + std::to_string(published_ + 1) + "/" +
                                     std::to_string(events) + " HTTP/1.1\r\nHost: 127.0.0.1:" +
                                     std::to_string(port_) + "\r\n\r\n");
    uint64_t news_at = started_at;
    timespec nap{.tv_sec = 0, .tv_nsec = kNapNs};
    while (incomplete_ > 0 || !answer_.done()) {
      int ready = turn(0);
      if (ready > 0) news_at = now_ns();
      if (incomplete_ == 0 && completed_at_ == 0) completed_at_ = news_at;
      if (ready == kMostEvents) continue;
      if (now_ns() - news_at > patience_ns_) break;
      nap.tv_nsec = ready > 0 ? kNapNs : std::min(2 * nap.tv_nsec, kLongestNapNs);
      nanosleep(&nap, nullptr);
    }
    published_ += events;
    return static_cast<double>((completed_at_ == 0 ? news_at : completed_at_) - started_at) / 1e9;
  }

  void expect(size_t events) {
    expected_.clear();
    for (size_t i = 1; i <= events; ++i) {
      expected_ += event_;
      size_t number = published_ + i;
      for (size_t at = expected_.size(); at-- > expected_.size() - event_.size();) {
        if (expected_[at] != '#') continue;
        expected_[at] = static_cast<char>('0' + number % 10);
        number /= 10;
      }
    }
    for (auto& stream : streams_)
      stream->received = 0;
    incomplete_ = streams_.size();
    completed_at_ = 0;
  }

  size_t missing_events(size_t events) const {
    size_t missing = 0;
    for (const auto& stream : streams_)
      missing += events - stream->received / event_.size();
    return missing;
  }

  void read_answer() {
    ssize_t size = recv(control_.get(), buffer_, sizeof buffer_, 0);
    if (size <= 0) die("the server did not say that it has published");
    answer_.feed(buffer_, static_cast<size_t>(size), [](const char*, size_t) {});
    if (answer_.error()) die("%s", answer_.error());
    if (answer_.done() && answer_.status() != 200)
      die("publishing has status %d", answer_.status());
  }

  // ── the streams ────────────────────────────────────────────────────────────────────────────────

  void receive(Stream& stream) {
    ssize_t size;
    do {
      size = recv(stream.socket.get(), buffer_, sizeof buffer_, 0);
      if (size < 0 && errno == EAGAIN) return;
      if (size < 0) die("a stream broke off: %s", std::strerror(errno));
      if (size == 0) die("the server closed a stream");
      wire_bytes_ += static_cast<uint64_t>(size);
      parse(stream, static_cast<size_t>(size));
    } while (size == sizeof buffer_);  // Less than that was all there is.
  }

  void parse(Stream& stream, size_t size) {
    ResponseParser& parser = stream.parser;
    bool had_head = parser.status() != 0;
    bool begins = parser.body_bytes() == 0;
    parser.feed(buffer_, size, [&](const char* data, size_t length) {
      if (begins && !lead_.empty() && data[0] == lead_[0]) stream.lead_left = lead_.size();
      begins = false;
      verify(stream, std::string_view(data, length));
    });
    if (parser.error()) die("%s", parser.error());
    if (parser.done()) die("a stream ended");
    if (had_head || parser.status() == 0) return;
    if (parser.status() != 200) die("an answer has status %d", parser.status());
    ++open_;
  }

  void verify(Stream& stream, std::string_view data) {
    if (stream.lead_left > 0) {
      std::string_view part = data.substr(0, stream.lead_left);
      if (part != std::string_view(lead_).substr(lead_.size() - stream.lead_left, part.size()))
        die("a stream begins with something else");
      stream.lead_left -= part.size();
      data.remove_prefix(part.size());
    }
    if (data.empty()) return;
    size_t at = stream.received;
    if (at + data.size() > expected_.size()) die("a stream has more than was published");
    if (std::memcmp(data.data(), expected_.data() + at, data.size()) != 0)
      die("a stream has not the events that it should have, near number %zu",
          published_ + 1 + at / event_.size());
    stream.received += data.size();
    if (stream.received == expected_.size()) --incomplete_;
  }

  static double seconds_since(uint64_t time) { return static_cast<double>(now_ns() - time) / 1e9; }

  std::string request_;
  uint16_t port_;
  size_t count_;
  std::string event_;
  std::string lead_;
  uint64_t patience_ns_;
  size_t open_ = 0;  // streams whose head has come
  uint64_t wire_bytes_ = 0;
  std::string expected_;  // payload of what is being published
  size_t published_ = 0;  // events, before that
  size_t incomplete_ = 0;
  uint64_t completed_at_ = 0;
  Fd control_;
  ResponseParser answer_;
  std::string commands_;
  bool ended_ = false;  // stdin
  Fd epoll_{epoll_create1(EPOLL_CLOEXEC)};
  std::vector<std::unique_ptr<Stream>> streams_;  // epoll holds pointers, so they must not move
  char buffer_[64 * 1024];
};

}  // namespace bench

int main(int count, char** arguments) {
  bench::CommandLine line(count, arguments,
                          {"--port", "--path", "--header", "--connections", "--event", "--lead",
                           "--patience", "--core", "--deadline"},
                          {});
  bench::apply_process_options(line);
  auto subscribers = std::make_unique<bench::Subscribers>(line);
  subscribers->run();
}
