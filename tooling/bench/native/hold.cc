// hold: opens many streams and keeps them open while the server is looked at from outside.
//
//   hold --port P [--path /idle] [--header 'Name: value']… [--connections 1000] [--lead TEXT]
//        [--repeats TEXT] [--min-repeats 0] [--unread] [--core C] [--deadline S]
//
// --lead         what each payload must begin with
// --repeats      what must follow, again and again
// --min-repeats  as often on each stream, at least, before the streams count as open
// --unread       send the requests and read nothing, so that the server finds its readers stalled
//
// Prints one JSON line when all streams are open. Reads on until its stdin ends; then looks at what
// lies unread, and prints a second line: how many streams are still there, and what came.
//
// Connections come from several loopback addresses: one has too few ports for many of them.

#include <sys/epoll.h>

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
};

class Hold {
 public:
  explicit Hold(const CommandLine& line)
      : request_(build_request(line, "/idle")),
        port_(line.port()),
        count_(line.number("--connections", 1000)),
        lead_(line.text("--lead", "")),
        repeats_(line.text("--repeats", "")),
        open_bytes_(lead_.size() + repeats_.size() * line.number("--min-repeats", 0)),
        unread_(line.has("--unread")) {
    if (repeats_.empty() && line.has("--min-repeats")) die("--min-repeats needs --repeats");
    raise_descriptor_limit();
    watch(STDIN_FILENO, nullptr);
  }

  void run() {
    uint64_t started_at = now_ns();
    for (size_t i = 0; i < count_; ++i) {
      open(i);
      // Behind a queue of connections that were not accepted yet, a new one would wait for seconds.
      while (!unread_ && streams_.size() - heads_ > kMostUnanswered)
        turn();
    }
    while (!unread_ && open_ < count_)
      turn();
    double seconds = static_cast<double>(now_ns() - started_at) / 1e9;
    std::printf("{\"streams\":%zu,\"heads\":%zu,\"seconds\":%.6f}\n", streams_.size(), heads_,
                seconds);
    std::fflush(stdout);
    while (!released_)
      turn();
    if (unread_) look_at_unread();
    if (heads_ < count_) die("only %zu of %zu streams were answered", heads_, count_);
    std::printf("{\"streams\":%zu,\"bodyBytes\":%zu}\n", streams_.size(),
                static_cast<size_t>(body_bytes_));
  }

 private:
  static constexpr size_t kMostUnanswered = 128;
  static constexpr size_t kStreamsPerAddress = 4000;

  void open(size_t index) {
    auto stream = std::make_unique<Stream>();
    stream->socket = connect_to(port_, 2 + static_cast<uint8_t>(index / kStreamsPerAddress));
    send_request(stream->socket.get(), request_);
    set_nonblocking(stream->socket.get());
    if (!unread_) watch(stream->socket.get(), stream.get());
    streams_.push_back(std::move(stream));
  }

  void watch(int fd, void* data) {
    epoll_event event{.events = EPOLLIN, .data = {.ptr = data}};
    if (epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, fd, &event) != 0)
      die("cannot watch a descriptor: %s", std::strerror(errno));
  }

  void turn() {
    epoll_event events[256];
    int ready = epoll_wait(epoll_.get(), events, 256, -1);
    for (int i = 0; i < ready; ++i) {
      if (events[i].data.ptr == nullptr) {
        released_ = released_ || read(STDIN_FILENO, buffer_, sizeof buffer_) <= 0;
        if (released_ && open_ < count_ && !unread_)
          die("stdin ended before all streams were open");
      } else {
        receive(*static_cast<Stream*>(events[i].data.ptr));
      }
    }
  }

  // A buffer of each: an endless stream would go on as it is read.
  void look_at_unread() {
    for (auto& stream : streams_)
      receive(*stream);
  }

  void receive(Stream& stream) {
    ssize_t size = recv(stream.socket.get(), buffer_, sizeof buffer_, 0);
    if (size < 0 && errno == EAGAIN) return;
    if (size < 0) die("a stream broke off: %s", std::strerror(errno));
    if (size == 0) die("the server closed a stream");
    ResponseParser& parser = stream.parser;
    bool had_head = parser.status() != 0;
    uint64_t before = parser.body_bytes();
    uint64_t at = before;
    parser.feed(buffer_, static_cast<size_t>(size), [&](const char* data, size_t length) {
      verify(at, std::string_view(data, length));
      at += length;
    });
    if (parser.error()) die("%s", parser.error());
    if (parser.done()) die("a stream ended");
    if (!had_head && parser.status() != 0) {
      if (parser.status() != 200) die("an answer has status %d", parser.status());
      ++heads_;
    }
    body_bytes_ += at - before;
    bool was_open = had_head && before >= open_bytes_;
    if (!was_open && parser.status() != 0 && at >= open_bytes_) ++open_;
  }

  // `data` lies at offset `at` of a payload.
  void verify(uint64_t at, std::string_view data) {
    for (char byte : data) {
      bool fits = at < lead_.size()
                      ? byte == lead_[at]
                      : repeats_.empty() || byte == repeats_[(at - lead_.size()) % repeats_.size()];
      if (!fits) die("byte %zu of a payload is not what was expected", static_cast<size_t>(at));
      ++at;
    }
  }

  std::string request_;
  uint16_t port_;
  size_t count_;
  std::string lead_;
  std::string repeats_;
  uint64_t open_bytes_;
  bool unread_;
  size_t heads_ = 0;
  size_t open_ = 0;  // streams that have all of `open_bytes_`
  uint64_t body_bytes_ = 0;
  bool released_ = false;
  Fd epoll_{epoll_create1(EPOLL_CLOEXEC)};
  std::vector<std::unique_ptr<Stream>> streams_;  // epoll holds pointers, so they must not move
  char buffer_[64 * 1024];
};

}  // namespace bench

int main(int count, char** arguments) {
  bench::CommandLine line(count, arguments,
                          {"--port", "--path", "--header", "--connections", "--lead", "--repeats",
                           "--min-repeats", "--core", "--deadline"},
                          {"--unread"});
  bench::apply_process_options(line);
  auto hold = std::make_unique<bench::Hold>(line);
  hold->run();
}
