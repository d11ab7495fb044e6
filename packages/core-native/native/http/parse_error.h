#pragma once

#include <cstdint>
#include <string_view>

namespace catzilla::http {

enum class ParseResult : uint8_t { done, need_more, bad };

// Why a request was refused. Each has a status for the peer and a stable name for logs and tests
// (`bare-lf`).
enum class ParseError : uint8_t {
  none,

  // Line endings, anywhere.
  bare_cr,  // CR without LF
  bare_lf,  // LF without CR

  // Request line.
  method_invalid,
  method_too_long,
  target_invalid,  // empty, or a byte that no target can hold
  target_form,     // not a form that this method can have
  target_too_long,
  version_malformed,  // or missing, as in HTTP/0.9
  version_unsupported,

  // Field lines.
  line_folded,         // a line that starts with whitespace (obs-fold)
  field_name_invalid,  // or empty
  field_space_before_colon,
  field_colon_missing,
  field_value_invalid,
  too_many_fields,
  head_too_large,

  // Fields that decide where a message ends, and whom it is for.
  host_missing,
  host_repeated,
  host_invalid,
  content_length_invalid,
  content_length_repeated,
  content_length_too_large,
  transfer_encoding_invalid,
  transfer_encoding_repeated,
  transfer_encoding_unsupported,
  transfer_encoding_in_http_1_0,
  both_lengths,  // Content-Length together with Transfer-Encoding
  connection_invalid,
  expectation_unsupported,

  // Chunked body.
  chunk_size_invalid,
  chunk_size_too_large,
  chunk_extension_invalid,
  chunk_extensions_too_large,
  chunk_overhead,       // mostly framing, hardly any payload
  chunk_data_too_long,  // no CRLF where the chunk should end
  trailer_forbidden,
  trailers_too_large,
};

// The status to answer with; 0 for `none`.
uint16_t error_status(ParseError error) noexcept;

// The name in the table above, with hyphens: "bare-lf". Static storage.
std::string_view error_name(ParseError error) noexcept;

}  // namespace catzilla::http
