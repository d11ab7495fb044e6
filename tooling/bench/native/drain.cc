// drain: one connection reads whole streamed answers, decodes their framing strictly, and is fast.
//
//   drain --port P [--path /items] [--header 'Name: value']… [--streams 1] [--seconds S]
//         [--expect-bytes N] [--sha256] [--discard] [--buffer-kib 256] [--core C] [--deadline S]
//
// --streams  at least so many streams, one after another
// --seconds  go on with further streams until so much time has passed
// --sha256   print the hash of the payload, which all streams must have in common
// --discard  let the kernel drop payload instead of copying it (MSG_TRUNC); framing is checked
//
// Prints one JSON line.

#include <vector>

#include "clock.h"
#include "command_line.h"
#include "request.h"
#include "response_parser.h"
#include "sha256.h"
#include "socket.h"

namespace bench {

class Drain {
 public:
  explicit Drain(const CommandLine& line)
      : request_(build_request(line, "/items")),
        port_(line.port()),
        hashes_(line.has("--sha256")),
        discards_(line.has("--discard")),
        expects_bytes_(line.has("--expect-bytes")),
        body_bytes_(line.number("--expect-bytes", 0)),
        buffer_(line.number("--buffer-kib", 256) * 1024) {
    if (hashes_ && discards_) die("--sha256 needs the bytes that --discard drops");
  }

  void run(uint64_t min_streams, uint64_t min_ns) {
    socket_ = connect_to(port_);
    uint64_t cpu_before = own_cpu_ns();
    uint64_t started_at = now_ns();
    uint64_t streams = 0;
    uint64_t elapsed_ns = 0;
    while (streams < min_streams || elapsed_ns < min_ns) {
      read_stream();
      ++streams;
      elapsed_ns = now_ns() - started_at;
    }
    double seconds = static_cast<double>(elapsed_ns) / 1e9;
    double busy = static_cast<double>(own_cpu_ns() - cpu_before) / 1e9 / seconds;
    std::printf(
        "{\"streams\":%zu,\"seconds\":%.6f,\"bodyBytes\":%zu,\"chunks\":%zu,\"clientBusy\":%.3f,"
        "\"sha256\":\"%s\"}\n",
        static_cast<size_t>(streams), seconds, static_cast<size_t>(body_bytes_),
        static_cast<size_t>(chunks_), busy, hash_.c_str());
  }

 private:
  void read_stream() {
    send_request(socket_.get(), request_);
    ResponseParser parser;
    Sha256 hash;
    while (!parser.done()) {
      if (discards_ && parser.skippable() >= kWorthDiscarding) {
        parser.skip(received(parser, nullptr, std::min<uint64_t>(parser.skippable(), kMaxDiscard),
                             MSG_TRUNC));
        continue;
      }
      // While discarding, only the framing is wanted: a short read leaves the payload in the
      // kernel.
      size_t size = received(parser, buffer_.data(), discards_ ? kFramingRead : buffer_.size(), 0);
      size_t used = parser.feed(buffer_.data(), size, [&](const char* data, size_t length) {
        if (hashes_) hash.update(data, length);
      });
      if (parser.error())
        die("after %zu payload bytes: %s", static_cast<size_t>(parser.body_bytes()),
            parser.error());
      if (used != size) die("%zu bytes follow the end of an answer", size - used);
    }
    finish(parser, hashes_ ? hash.hex() : "");
  }

  size_t received(const ResponseParser& parser, char* buffer, size_t size, int flags) {
    ssize_t got = recv(socket_.get(), buffer, size, flags);
    if (got > 0) return static_cast<size_t>(got);
    die("the answer is truncated after %zu payload bytes (%s)",
        static_cast<size_t>(parser.body_bytes()),
        got == 0 ? "connection closed" : std::strerror(errno));
  }

  void finish(const ResponseParser& parser, const std::string& hash) {
    if (parser.status() != 200) die("an answer has status %d", parser.status());
    if (!expects_bytes_) body_bytes_ = parser.body_bytes();
    expects_bytes_ = true;
    if (parser.body_bytes() != body_bytes_) {
      die("a stream has %zu payload bytes instead of %zu", static_cast<size_t>(parser.body_bytes()),
          static_cast<size_t>(body_bytes_));
    }
    if (!hash_.empty() && hash != hash_) die("two streams of the same path differ");
    hash_ = hash;
    chunks_ = parser.chunks();
    if (parser.closes_connection()) socket_ = connect_to(port_);
  }

  static constexpr uint64_t kWorthDiscarding = 4 * 1024;
  static constexpr uint64_t kMaxDiscard = 4 * 1024 * 1024;
  static constexpr size_t kFramingRead = 512;

  std::string request_;
  uint16_t port_;
  bool hashes_;
  bool discards_;
  bool expects_bytes_;
  uint64_t body_bytes_;
  uint64_t chunks_ = 0;
  std::string hash_;
  std::vector<char> buffer_;
  Fd socket_;
};

}  // namespace bench

int main(int count, char** arguments) {
  bench::CommandLine line(count, arguments,
                          {"--port", "--path", "--header", "--streams", "--seconds",
                           "--expect-bytes", "--buffer-kib", "--core", "--deadline"},
                          {"--sha256", "--discard"});
  bench::apply_process_options(line);
  bench::Drain(line).run(line.number("--streams", 1), line.nanoseconds("--seconds"));
}
