#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "http/limits.h"
#include "http/parse_error.h"

namespace catzilla::http {

// Takes the chunked coding off a body (RFC 9112 §7.1), strictly, and resumes at any byte. Payload
// comes out as spans into the input; nothing is copied or kept. Extensions and trailers are checked
// and dropped.
//
//   while (!input.empty()) {
//     const auto step = decoder.decode(input);
//     take(step.data);
//     input = input.subspan(step.consumed);
//     if (step.result != ParseResult::need_more) break;  // the rest is the next request's
//   }
//
// Owner: the connection, while a chunked body comes in. Thread: any, one at a time.
class ChunkedDecoder {
 public:
  struct Step {
    // done: the body and its trailers are complete. need_more: go on with the rest of the input, or
    // wait for more.
    ParseResult result;
    size_t consumed;  // includes `data`

    // Payload, only with need_more, often empty. Valid as long as the input.
    std::span<const char> data;
  };

  // Stops behind each piece of payload. Consumes at least one byte of an input that is not empty.
  // `done` and `bad` stay until reset(), and consume nothing more.
  Step decode(std::span<const char> in) noexcept;

  // `none` until `bad`.
  ParseError error() const noexcept { return error_; }

  void reset() noexcept { *this = ChunkedDecoder(); }

 private:
  // In the order of the bytes. Each state waits for at least one byte.
  enum class State : uint8_t {
    size_start,
    size,
    extension_name_start,
    extension_name,
    extension_value_start,
    extension_value,
    quoted,
    quoted_pair,  // the backslash is in
    after_quoted,
    size_lf,
    data,
    data_cr,
    data_lf,
    line_start,  // a trailer field, or the empty line
    trailer_name,
    trailer_value,
    trailer_lf,
    body_lf,  // the empty line's CR is in
    done,
    bad,
  };

  ParseError on_framing_byte(char c) noexcept;
  ParseError on_size_digit(char c) noexcept;
  ParseError on_trailer_colon() noexcept;

  uint64_t remaining_ = 0;  // of the current chunk: its size, then what is missing of its data
  uint64_t overhead_budget_ = kFreeChunkOverheadBytes;
  uint64_t trailer_name_hash_ = 0;  // a name may come in pieces, and its bytes are not kept
  uint16_t extension_bytes_ = 0;    // over the whole body
  uint16_t trailer_bytes_ = 0;
  uint8_t size_digits_ = 0;
  State state_ = State::size_start;
  ParseError error_ = ParseError::none;
};
static_assert(sizeof(ChunkedDecoder) <= 32);

}  // namespace catzilla::http
