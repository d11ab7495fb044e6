#pragma once

#include <cstdint>
#include <memory>

#include "conn/feed.h"
#include "http/chunked_decoder.h"
#include "http/request_parser.h"
#include "memory/byte_queue.h"
#include "memory/output_queue.h"
#include "net/timer_wheel.h"

namespace catzilla::conn {

// Where a connection stands. One request at a time: its successor waits, as bytes, until the answer
// is with the kernel.
//
//   head ─▶ exchange ─▶ (drain) ─▶ head …            keep-alive
//     │         └─────────┴─▶ linger ─▶ closed       the last answer: FIN, then wait for the peer's
//     └─▶ closed                                     nothing asked, or the peer is gone
enum class Phase : uint8_t {
  head,      // idle, or a head is coming in
  exchange,  // the application has a request
  drain,     // answered; the rest of the request's body is discarded
  linger,    // FIN is sent or will follow the queue; what comes in is discarded
  closed,    // given back to the transport
};

enum class BodyMode : uint8_t { none, sized, chunked };
enum class ResponseState : uint8_t { none, open, ended };

// Told to the application at the end of this wake, in this order.
enum Pending : uint8_t {
  kInput = 1 << 0,  // held bytes may go on
  kReadable = 1 << 1,
  kHalfClosed = 1 << 2,
  kDrained = 1 << 3,
  kLost = 1 << 4,
  kFailed = 1 << 5,  // in the place of kLost
};

// A head that came in pieces, or bytes that wait for their turn. Most connections never hold any.
struct Input {
  explicit Input(const http::Limits& limits) : parser(limits) {}
  http::RequestParser parser;
  memory::ByteQueue bytes;
};

// Bytes of a file that the kernel has not taken yet. Whoever opened it closes it, when the exchange
// is over.
struct FileRange {
  int fd = -1;
  uint64_t offset = 0;
  uint64_t length = 0;
};

// One peer. Owner: Engine's slab. Thread: loop. Its address holds until on_closed().
struct Connection {
  memory::OutputQueue output;
  std::unique_ptr<Input> input;
  std::unique_ptr<FileRange> file;  // goes out behind `output`
  net::TimerLink timer;

  // The request's body, as far as it has not been read.
  uint64_t body_left = 0;  // with BodyMode::sized; while draining, also the budget
  std::unique_ptr<http::ChunkedDecoder> decoder;  // with BodyMode::chunked

  // The response.
  uint64_t length_left = 0;  // of a declared Content-Length
  uint32_t high_water_mark = 0;
  uint32_t feed = Feed::kNone;  // who writes the response, where it is not the application

  Phase phase = Phase::head;
  BodyMode body = BodyMode::none;
  ResponseState response = ResponseState::none;
  uint8_t pending = 0;
  http::ParseError body_error = http::ParseError::none;

  bool queued : 1 = false;      // in the engine's ready list
  bool keep_alive : 1 = false;  // of the current exchange, as agreed with the peer
  bool http_1_0 : 1 = false;
  bool bodiless : 1 = false;         // HEAD, or a status that never has content
  bool expect_continue : 1 = false;  // and 100 was not sent yet
  bool body_wanted : 1 = false;      // read_body() found nothing and waits
  bool body_late : 1 = false;        // nothing came of it for too long
  bool chunked : 1 = false;          // of the response
  bool until_close : 1 = false;      // of the response: FIN is its only end
  bool whole : 1 = false;            // the response came in one call
  bool blocked : 1 = false;          // the application waits for `drained`
  bool waiting : 1 = false;          // the transport has a window of the output
  bool reading : 1 = true;
  bool peer_ended : 1 = false;
  bool gone : 1 = false;  // the transport has let go of it; only events may be due
};

}  // namespace catzilla::conn
