#include "http/chunked_decoder.h"

#include <algorithm>
#include <string_view>

#include "http/chars.h"

namespace catzilla::http {
namespace {

// FNV-1a over the lower-case name, so that a name cut in pieces needs no buffer. A collision could
// only refuse a harmless trailer.
constexpr uint64_t kHashStart = 0xcbf29ce484222325;

constexpr uint64_t hash_add(uint64_t hash, char c) noexcept {
  return (hash ^ static_cast<uint8_t>(to_lower(c))) * 0x100000001b3;
}

constexpr uint64_t hash_of(std::string_view name) noexcept {
  uint64_t hash = kHashStart;
  for (const char c : name)
    hash = hash_add(hash, c);
  return hash;
}

// RFC 9110 §6.5.1: what frames, routes, authenticates or describes a message must come before its
// content.
constexpr uint64_t kForbiddenTrailers[] = {
    hash_of("authorization"),
    hash_of("cache-control"),
    hash_of("connection"),
    hash_of("content-encoding"),
    hash_of("content-length"),
    hash_of("content-range"),
    hash_of("content-type"),
    hash_of("cookie"),
    hash_of("expect"),
    hash_of("host"),
    hash_of("if-match"),
    hash_of("if-modified-since"),
    hash_of("if-none-match"),
    hash_of("if-range"),
    hash_of("if-unmodified-since"),
    hash_of("keep-alive"),
    hash_of("max-forwards"),
    hash_of("pragma"),
    hash_of("proxy-authorization"),
    hash_of("proxy-connection"),
    hash_of("range"),
    hash_of("set-cookie"),
    hash_of("te"),
    hash_of("trailer"),
    hash_of("transfer-encoding"),
    hash_of("upgrade"),
};

}  // namespace

ChunkedDecoder::Step ChunkedDecoder::decode(std::span<const char> in) noexcept {
  size_t at = 0;
  while (at < in.size() && state_ < State::done) {
    if (state_ == State::data) {
      const auto length = static_cast<size_t>(std::min<uint64_t>(remaining_, in.size() - at));
      remaining_ -= length;
      overhead_budget_ += length * kChunkOverheadPerPayloadByte;
      if (remaining_ == 0) state_ = State::data_cr;
      return {ParseResult::need_more, at + length, in.subspan(at, length)};
    }
    error_ = on_framing_byte(in[at++]);
    if (error_ != ParseError::none) state_ = State::bad;
  }

  if (state_ == State::done) return {ParseResult::done, at, {}};
  if (state_ == State::bad) return {ParseResult::bad, at, {}};
  return {ParseResult::need_more, at, {}};
}

// Everything but payload, a byte at a time: there is little of it, and its grammar is where
// decoders have failed.
ParseError ChunkedDecoder::on_framing_byte(char c) noexcept {
  if (overhead_budget_-- == 0) return ParseError::chunk_overhead;
  if (state_ >= State::extension_name_start && state_ <= State::after_quoted &&
      ++extension_bytes_ > kMaxChunkExtensionBytes) {
    return ParseError::chunk_extensions_too_large;
  }
  if (state_ >= State::line_start && ++trailer_bytes_ > kMaxTrailerBytes) {
    return ParseError::trailers_too_large;
  }

  const auto go = [this](State next) {
    state_ = next;
    return ParseError::none;
  };
  const auto refuse = [c](ParseError otherwise) {
    return c == '\n' ? ParseError::bare_lf : otherwise;
  };
  const auto expect_lf = [&](State next) { return c == '\n' ? go(next) : ParseError::bare_cr; };

  switch (state_) {
    // chunk-size = 1*HEXDIG
    case State::size_start:
      if (!is(kHexDigit, c)) return refuse(ParseError::chunk_size_invalid);
      state_ = State::size;
      return on_size_digit(c);

    case State::size:
      if (is(kHexDigit, c)) return on_size_digit(c);
      if (c == '\r') return go(State::size_lf);
      if (c == ';') return go(State::extension_name_start);
      return refuse(ParseError::chunk_size_invalid);

    // chunk-ext = *( ";" chunk-ext-name [ "=" chunk-ext-val ] ). The grammar also has "bad
    // whitespace" around ";" and "=", which no sender may write: refused, as smugglers write it.
    case State::extension_name_start:
      if (is(kTokenChar, c)) return go(State::extension_name);
      break;

    case State::extension_name:
      if (is(kTokenChar, c)) return ParseError::none;
      if (c == '\r') return go(State::size_lf);
      if (c == ';') return go(State::extension_name_start);
      if (c == '=') return go(State::extension_value_start);
      break;

    // chunk-ext-val = token / quoted-string
    case State::extension_value_start:
      if (c == '"') return go(State::quoted);
      if (is(kTokenChar, c)) return go(State::extension_value);
      break;

    case State::extension_value:
      if (is(kTokenChar, c)) return ParseError::none;
      [[fallthrough]];

    case State::after_quoted:
      if (c == '\r') return go(State::size_lf);
      if (c == ';') return go(State::extension_name_start);
      break;

    case State::quoted:
      if (c == '"') return go(State::after_quoted);
      if (c == '\\') return go(State::quoted_pair);
      if (is(kQuotedChar, c)) return ParseError::none;
      break;

    case State::quoted_pair:
      if (is(kFieldChar, c)) return go(State::quoted);
      break;

    case State::size_lf:
      if (c != '\n') return ParseError::bare_cr;
      size_digits_ = 0;
      return go(remaining_ > 0 ? State::data : State::line_start);

    // What follows the data must be its CRLF, or sender and receiver disagree about the size.
    case State::data_cr:
      return c == '\r' ? go(State::data_lf) : refuse(ParseError::chunk_data_too_long);

    case State::data_lf:
      return expect_lf(State::size_start);

    // trailer-section = *( field-line CRLF ), by the same grammar as the fields of a head
    case State::line_start:
      if (c == '\r') return go(State::body_lf);
      if (is_blank(c)) return ParseError::line_folded;
      if (!is(kTokenChar, c)) return refuse(ParseError::field_name_invalid);
      trailer_name_hash_ = hash_add(kHashStart, c);
      return go(State::trailer_name);

    case State::trailer_name:
      if (c == ':') return on_trailer_colon();
      if (is_blank(c)) return ParseError::field_space_before_colon;
      if (c == '\r') return ParseError::field_colon_missing;
      if (!is(kTokenChar, c)) return refuse(ParseError::field_name_invalid);
      trailer_name_hash_ = hash_add(trailer_name_hash_, c);
      return ParseError::none;

    case State::trailer_value:
      if (is(kFieldChar, c)) return ParseError::none;
      if (c == '\r') return go(State::trailer_lf);
      return refuse(ParseError::field_value_invalid);

    case State::trailer_lf:
      return expect_lf(State::line_start);

    case State::body_lf:
      return expect_lf(State::done);

    case State::data:
    case State::done:
    case State::bad:
      break;  // not framing; decode() stops before it
  }
  return refuse(ParseError::chunk_extension_invalid);
}

ParseError ChunkedDecoder::on_size_digit(char c) noexcept {
  remaining_ = remaining_ * 16 + hex_value(c);
  if (++size_digits_ > kMaxChunkSizeDigits || remaining_ > kMaxBodyBytes) {
    return ParseError::chunk_size_too_large;
  }
  return ParseError::none;
}

ParseError ChunkedDecoder::on_trailer_colon() noexcept {
  const auto* const end = std::end(kForbiddenTrailers);
  if (std::find(std::begin(kForbiddenTrailers), end, trailer_name_hash_) != end) {
    return ParseError::trailer_forbidden;
  }
  state_ = State::trailer_value;
  return ParseError::none;
}

}  // namespace catzilla::http
