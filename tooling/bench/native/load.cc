// load: many keep-alive connections, one request in flight on each, every answer checked.
//
//   load --port P [--path /hello] [--header 'Name: value']… [--connections 64]
//        [--requests N | --seconds S] [--expect-bytes N] [--core C] [--deadline S]
//
// Prints one JSON line. Latencies are from the send of a request to the last byte of its answer.

#include <sys/epoll.h>

#include <memory>
#include <vector>

#include "clock.h"
#include "command_line.h"
#include "percentiles.h"
#include "request.h"
#include "response_parser.h"
#include "socket.h"

namespace bench {

struct Connection {
  Fd socket;
  ResponseParser parser;
  uint64_t sent_at = 0;
};

class Load {
 public:
  explicit Load(const CommandLine& line)
      : request_(build_request(line, "/hello")),
        requests_left_(line.has("--seconds") ? UINT64_MAX : line.number("--requests", 10'000)),
        run_ns_(line.has("--seconds") ? line.nanoseconds("--seconds") : UINT64_MAX),
        expects_bytes_(line.has("--expect-bytes")),
        body_bytes_(line.number("--expect-bytes", 0)) {
    size_t count = line.number("--connections", 64);
    for (size_t i = 0; i < count; ++i) {
      auto connection = std::make_unique<Connection>();
      connection->socket = connect_to(line.port());
      set_nonblocking(connection->socket.get());
      epoll_event event{.events = EPOLLIN, .data = {.ptr = connection.get()}};
      epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, connection->socket.get(), &event);
      connections_.push_back(std::move(connection));
    }
  }

  void run() {
    uint64_t cpu_before = own_cpu_ns();
    started_at_ = now_ns();
    for (auto& connection : connections_)
      send_next(*connection, started_at_);
    while (in_flight_ > 0) {
      epoll_event events[128];
      int ready = epoll_wait(epoll_.get(), events, 128, -1);
      for (int i = 0; i < ready; ++i)
        receive(*static_cast<Connection*>(events[i].data.ptr));
    }
    print(now_ns() - started_at_, own_cpu_ns() - cpu_before);
  }

 private:
  void send_next(Connection& connection, uint64_t now) {
    if (requests_left_ == 0 || now - started_at_ >= run_ns_) return;
    --requests_left_;
    ++in_flight_;
    connection.sent_at = now;
    send_request(connection.socket.get(), request_);
  }

  void receive(Connection& connection) {
    ssize_t size = recv(connection.socket.get(), buffer_.data(), buffer_.size(), 0);
    if (size < 0 && errno == EAGAIN) return;
    if (size < 0) die("an answer broke off: %s", std::strerror(errno));
    if (size == 0)
      die("the server closed a keep-alive connection after %zu answers", latencies_.count());
    ResponseParser& parser = connection.parser;
    size_t used =
        parser.feed(buffer_.data(), static_cast<size_t>(size), [](const char*, size_t) {});
    if (parser.error()) die("%s", parser.error());
    if (!parser.done()) return;
    if (used != static_cast<size_t>(size))
      die("%zu bytes follow the end of an answer", static_cast<size_t>(size) - used);
    finish(connection);
  }

  void finish(Connection& connection) {
    ResponseParser& parser = connection.parser;
    if (parser.status() != 200) die("an answer has status %d", parser.status());
    // Without an expectation the first answer sets it: all answers to one request must have one
    // length.
    if (!expects_bytes_) body_bytes_ = parser.body_bytes();
    expects_bytes_ = true;
    if (parser.body_bytes() != body_bytes_) {
      die("an answer has %zu body bytes instead of %zu", static_cast<size_t>(parser.body_bytes()),
          static_cast<size_t>(body_bytes_));
    }
    if (parser.closes_connection()) die("the server refuses keep-alive");
    parser.reset();
    uint64_t now = now_ns();
    latencies_.add(now - connection.sent_at);
    --in_flight_;
    send_next(connection, now);
  }

  void print(uint64_t wall_ns, uint64_t cpu_ns) {
    double seconds = static_cast<double>(wall_ns) / 1e9;
    std::printf(
        "{\"requests\":%zu,\"seconds\":%.6f,\"perSecond\":%.1f,\"p50Us\":%.3f,\"p99Us\":%.3f,"
        "\"bodyBytes\":%zu,"
        "\"clientBusy\":%.3f}\n",
        latencies_.count(), seconds, static_cast<double>(latencies_.count()) / seconds,
        latencies_.micros(0.5), latencies_.micros(0.99), static_cast<size_t>(body_bytes_),
        static_cast<double>(cpu_ns) / static_cast<double>(wall_ns));
  }

  std::string request_;
  uint64_t requests_left_;
  uint64_t run_ns_;
  bool expects_bytes_;
  uint64_t body_bytes_;
  uint64_t started_at_ = 0;
  size_t in_flight_ = 0;
  Fd epoll_{epoll_create1(EPOLL_CLOEXEC)};
  std::vector<std::unique_ptr<Connection>>
      connections_;  // epoll holds pointers to them, so they must not move
  std::vector<char> buffer_ = std::vector<char>(64 * 1024);
  Percentiles latencies_;
};

}  // namespace bench

int main(int count, char** arguments) {
  bench::CommandLine line(count, arguments,
                          {"--port", "--path", "--header", "--connections", "--requests",
                           "--seconds", "--expect-bytes", "--core", "--deadline"},
                          {});
  bench::apply_process_options(line);
  bench::Load(line).run();
}
