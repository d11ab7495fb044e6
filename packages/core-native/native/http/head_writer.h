#pragma once

#include <cstddef>
#include <cstdint>
#include <ctime>
#include <string>
#include <string_view>

namespace catzilla::http {

// How the end of a response body is told (RFC 9112 §6.3).
enum class Framing : uint8_t {
  none,         // no body, and no length: 204, 304
  sized,        // Content-Length
  chunked,      // Transfer-Encoding, HTTP/1.1 peers only
  until_close,  // HTTP/1.0 without a length
};

enum class ConnectionField : uint8_t {
  implied,  // what the version means by itself
  close,
  keep_alive,  // an HTTP/1.0 peer asked for it
};

struct ResponseHead {
  uint16_t status = 200;
  std::string_view fields;  // checked lines, each with its CRLF; none of the wire's own
  Framing framing = Framing::none;
  uint64_t length = 0;  // with Framing::sized
  ConnectionField connection = ConnectionField::implied;
  bool date = true;  // RFC 9110 §6.6.1: an origin server with a clock sends Date
};

// Appends heads and chunk framing to a buffer that the caller clears. The lines that come again and
// again are kept: Date is made once a second. Owner: Engine. Thread: loop.
class HeadWriter {
 public:
  void write(std::string& out, const ResponseHead& head, std::time_t now);

 private:
  static constexpr char kDateLine[] = "date: Sun, 06 Nov 1994 08:49:37 GMT\r\n";

  std::string_view date_line(std::time_t now);

  uint16_t status_ = 0;
  std::string status_line_;
  std::time_t date_at_ = -1;
  char date_line_[sizeof kDateLine] = {};
};

// RFC 9112 §7.1: `size CRLF` in front of a chunk's data. A chunk of size 0 would end the body, so
// `size` must be above 0.
void write_chunk_size(std::string& out, size_t size);

// Behind the data of a chunk, and behind that of the last one, with the end of the body (no
// trailers).
inline constexpr std::string_view kChunkEnd = "\r\n";
inline constexpr std::string_view kLastChunk = "0\r\n\r\n";
inline constexpr std::string_view kChunkEndAndLast = "\r\n0\r\n\r\n";

}  // namespace catzilla::http
