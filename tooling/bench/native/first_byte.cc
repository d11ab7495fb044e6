// first-byte: one request after another; the time from sending each to the first byte of its body.
//
//   first-byte --port P [--path /first-byte] [--header 'Name: value']… [--requests 2000]
//              [--warm-up 200] [--fresh] [--abandon] [--spin] [--pause-us N] [--core C]
//              [--deadline S]
//
// --fresh     a new connection for each request; the time then starts before connect()
// --abandon   (with --fresh) leave after the first body byte, for streams too long to be read
// --spin      poll the socket without sleeping: leaves the wake-up of the client out of the figure
// --pause-us  wait between requests, so that idle cores fall asleep as they do under little load
//
// Prints one JSON line.

#include "clock.h"
#include "command_line.h"
#include "percentiles.h"
#include "request.h"
#include "response_parser.h"
#include "socket.h"

namespace bench {

class FirstByte {
 public:
  explicit FirstByte(const CommandLine& line)
      : request_(build_request(line, "/first-byte")),
        port_(line.port()),
        fresh_(line.has("--fresh")),
        abandon_(line.has("--abandon")),
        receive_flags_(line.has("--spin") ? MSG_DONTWAIT : 0),
        pause_us_(static_cast<useconds_t>(line.number("--pause-us", 0))) {
    if (abandon_ && !fresh_)
      die("--abandon needs --fresh: the rest of an answer would meet the next request");
  }

  void run(uint64_t warm_up, uint64_t requests) {
    for (uint64_t i = 0; i < warm_up; ++i)
      paced_exchange();
    Percentiles times;
    uint64_t started_at = now_ns();
    for (uint64_t i = 0; i < requests; ++i)
      times.add(paced_exchange());
    double seconds = static_cast<double>(now_ns() - started_at) / 1e9;
    std::printf(
        "{\"requests\":%zu,\"seconds\":%.6f,\"minUs\":%.3f,\"p50Us\":%.3f,\"p99Us\":%.3f,\"maxUs\":"
        "%.3f}\n",
        times.count(), seconds, times.micros(0), times.micros(0.5), times.micros(0.99),
        times.micros(1));
  }

 private:
  uint64_t paced_exchange() {
    uint64_t ns = exchange();
    if (pause_us_ > 0) {
      if (fresh_)
        socket_ = Fd();  // so that the server has the pause to notice that the client left
      usleep(pause_us_);
    }
    return ns;
  }

  // One request and its answer; returns ns to the first body byte.
  uint64_t exchange() {
    uint64_t started_at = now_ns();
    if (fresh_ || socket_.get() < 0) {
      socket_ = connect_to(port_);
      if (!fresh_) started_at = now_ns();
    }
    send_request(socket_.get(), request_);
    ResponseParser parser;
    uint64_t first_at = 0;
    while (!parser.done()) {
      size_t size = receive();
      size_t used = parser.feed(buffer_, size, [](const char*, size_t) {});
      if (parser.error()) die("%s", parser.error());
      if (first_at == 0 && parser.body_bytes() > 0) first_at = now_ns();
      if (first_at != 0 && abandon_) return first_at - started_at;
      if (used != size) die("%zu bytes follow the end of an answer", size - used);
    }
    if (parser.status() != 200) die("an answer has status %d", parser.status());
    if (first_at == 0) die("an answer has no body");
    if (!fresh_ && parser.closes_connection()) die("the server refuses keep-alive");
    return first_at - started_at;
  }

  size_t receive() {
    while (true) {
      ssize_t size = recv(socket_.get(), buffer_, sizeof buffer_, receive_flags_);
      if (size > 0) return static_cast<size_t>(size);
      if (size == 0) die("the server closed the connection in the middle of an answer");
      if (errno != EAGAIN) die("an answer broke off: %s", std::strerror(errno));
    }
  }

  std::string request_;
  uint16_t port_;
  bool fresh_;
  bool abandon_;
  int receive_flags_;
  useconds_t pause_us_;
  Fd socket_;
  char buffer_[16 * 1024];
};

}  // namespace bench

int main(int count, char** arguments) {
  bench::CommandLine line(count, arguments,
                          {"--port", "--path", "--header", "--requests", "--warm-up", "--pause-us",
                           "--core", "--deadline"},
                          {"--fresh", "--abandon", "--spin"});
  bench::apply_process_options(line);
  bench::FirstByte(line).run(line.number("--warm-up", 200), line.number("--requests", 2000));
}
