#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "http/limits.h"
#include "http/parse_error.h"

namespace catzilla::http {

// `other` is any other valid token, compared with case: "get" is `other`. JavaScript reads its
// text.
enum class Method : uint8_t {
  get,
  head,
  post,
  put,
  delete_,
  connect,
  options,
  trace,
  patch,
  other
};

// What the connection needs to know of a head. All else stays bytes, which JavaScript reads when a
// handler asks. Offsets count from the first byte given to the parser.
struct RequestHead {
  uint64_t content_length = 0;  // 0 without the field
  uint32_t method_offset = 0;
  uint32_t method_length = 0;
  uint32_t target_offset = 0;
  uint32_t target_length = 0;
  uint32_t fields_offset = 0;
  uint32_t fields_length = 0;  // all field lines, each with its CRLF; the empty line is not in it
  uint32_t head_length = 0;  // everything up to the body, a tolerated empty line in front included
  Method method = Method::other;
  uint8_t minor_version = 0;  // HTTP/1.0 or HTTP/1.1
  bool keep_alive = false;    // the version's default, as changed by Connection
  bool chunked = false;       // body by ChunkedDecoder; else content_length bytes
  bool has_content_length = false;
  bool expect_continue = false;  // a body is to come, and the peer waits for 100 (Continue)
  bool has_upgrade = false;      // HTTP/1.1 with Upgrade, and Connection names it

  bool operator==(const RequestHead&) const = default;
};
static_assert(sizeof(RequestHead) == 48);

// Checks one request head, strictly by RFC 9112, and finds where its parts and its body begin
// (docs/http1.md has every choice). It resumes at any byte: what it remembers is offsets, so the
// caller may move the bytes between calls, but must keep a partial head in one piece.
//
// One pass: no byte is scanned twice. Only the values of fields that frame or route the message are
// read again, once, when their line is complete.
//
// Owner: the connection, while a head is partial. Thread: any, one at a time.
class RequestParser {
 public:
  explicit RequestParser(const Limits& limits) noexcept : limits_(limits) {}

  // `data` is the whole head so far, from its first byte, and may go on behind the head. The answer
  // depends on the bytes alone, not on how they were cut. `done` and `bad` stay until reset().
  ParseResult parse(std::span<const char> data) noexcept;

  // Valid after `done`.
  const RequestHead& head() const noexcept { return head_; }

  // `none` until `bad`.
  ParseError error() const noexcept { return error_; }

  // Nothing of a request has come yet, at most the empty line that may stand before it: the
  // connection is still idle.
  bool idle() const noexcept { return state_ <= State::request_line; }

  void reset() noexcept;

 private:
  // In the order of the bytes. Each state waits for at least one byte.
  enum class State : uint8_t {
    start,          // the method, or one empty line
    empty_line_lf,  // that line's CR is in
    request_line,   // the first byte of the method
    method,
    target,
    version,
    request_line_cr,
    request_line_lf,
    line_start,  // a field, or the empty line
    field_name,
    field_value,
    field_lf,
    head_lf,  // the empty line's CR is in
    done,
    bad,
  };

  // Facts from several lines that only together mean something.
  enum Seen : uint8_t {
    kHost = 1 << 0,
    kClose = 1 << 1,
    kKeepAlive = 1 << 2,
    kConnectionUpgrade = 1 << 3,
    kUpgrade = 1 << 4,
    kExpectContinue = 1 << 5,
  };

  ParseResult fail(ParseError error) noexcept;
  ParseError on_version(std::string_view version) noexcept;
  ParseError on_request_line(const char* base) noexcept;
  ParseError on_field(std::string_view name, std::string_view value) noexcept;
  ParseError on_host(std::string_view value) noexcept;
  ParseError on_content_length(std::string_view value) noexcept;
  ParseError on_transfer_encoding(std::string_view value) noexcept;
  ParseError on_connection(std::string_view value) noexcept;
  ParseError on_expect(std::string_view value) noexcept;
  ParseError on_head_end(uint32_t length) noexcept;

  RequestHead head_;
  Limits limits_;
  uint32_t position_ = 0;  // everything before it has been scanned
  uint32_t mark_ = 0;      // where the current version or field line starts
  uint32_t name_length_ = 0;
  uint32_t field_count_ = 0;
  State state_ = State::start;
  uint8_t seen_ = 0;
  ParseError error_ = ParseError::none;
};
static_assert(sizeof(RequestParser) - sizeof(RequestHead) <= 32);

}  // namespace catzilla::http
