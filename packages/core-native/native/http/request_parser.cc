#include "http/request_parser.h"

#include <algorithm>
#include <cassert>

#include "http/authority.h"
#include "http/chars.h"
#include "http/scan.h"

namespace catzilla::http {
namespace {

constexpr uint32_t kVersionBytes = 8;  // "HTTP/" DIGIT "." DIGIT

// Whether these bytes, up to eight, can begin (or are) one.
constexpr bool begins_version(std::string_view text) noexcept {
  constexpr std::string_view kPattern = "HTTP/0.0";  // 0 for any digit
  for (size_t at = 0; at < text.size(); ++at) {
    const bool fits = kPattern[at] == '0' ? is_digit(text[at]) : text[at] == kPattern[at];
    if (!fits) return false;
  }
  return true;
}

// A CR or LF in a wrong place is the oldest trick of request smuggling, and gets its own name in
// the log.
constexpr ParseError unexpected(char c, ParseError otherwise) noexcept {
  if (c == '\r') return ParseError::bare_cr;
  if (c == '\n') return ParseError::bare_lf;
  return otherwise;
}

constexpr ParseError unexpected_after_name(char c) noexcept {
  if (is_blank(c)) return ParseError::field_space_before_colon;
  if (c == '\r') return ParseError::field_colon_missing;
  return unexpected(c, ParseError::field_name_invalid);
}

// Methods are case-sensitive (RFC 9110 §9.1).
constexpr Method to_method(std::string_view text) noexcept {
  switch (text.size()) {
    case 3:
      if (text == "GET") return Method::get;
      if (text == "PUT") return Method::put;
      break;
    case 4:
      if (text == "POST") return Method::post;
      if (text == "HEAD") return Method::head;
      break;
    case 5:
      if (text == "PATCH") return Method::patch;
      if (text == "TRACE") return Method::trace;
      break;
    case 6:
      if (text == "DELETE") return Method::delete_;
      break;
    case 7:
      if (text == "OPTIONS") return Method::options;
      if (text == "CONNECT") return Method::connect;
      break;
  }
  return Method::other;
}

// RFC 9112 §3.2.2. Only the schemes that an origin server has, no userinfo (RFC 9110 §4.2.4).
bool is_absolute_form(std::string_view target) noexcept {
  for (const std::string_view scheme : {"http://", "https://"}) {
    if (!equals_ignoring_case(target.substr(0, scheme.size()), scheme)) continue;
    const std::string_view rest = target.substr(scheme.size());
    return is_authority(rest.substr(0, rest.find_first_of("/?")), Port::optional);
  }
  return false;
}

// RFC 9112 §3.2: two forms belong to one method each.
bool target_fits(Method method, std::string_view target) noexcept {
  if (method == Method::connect) return is_authority(target, Port::required);
  if (target[0] == '/') return true;
  if (target == "*") return method == Method::options;
  return is_absolute_form(target);
}

// Without the spaces around it. A tab is legal there, too (OWS), but around a length nobody sends
// one who does not look for two parsers that disagree about it.
std::string_view trim_spaces(std::string_view text) noexcept {
  while (text.starts_with(' '))
    text.remove_prefix(1);
  while (text.ends_with(' '))
    text.remove_suffix(1);
  return text;
}

// Takes the next member off a comma-separated list, without the whitespace around it. Members may
// be empty.
std::string_view take_member(std::string_view& list) noexcept {
  const size_t comma = std::min(list.find(','), list.size());
  const std::string_view member = trim(list.substr(0, comma));
  list.remove_prefix(std::min(comma + 1, list.size()));
  return member;
}

}  // namespace

// The scan: line by line, each state on the bytes it stands for. What a complete line means is
// decided below.
ParseResult RequestParser::parse(std::span<const char> data) noexcept {
  if (state_ == State::done) return ParseResult::done;
  if (state_ == State::bad) return ParseResult::bad;

  assert(data.size() >= position_);

  // Nothing behind the limits is looked at, so that the answer does not depend on how much has come
  // already.
  const char* const base = data.data();
  const char* const end = base + std::min<size_t>(data.size(), limits_.max_head_bytes);
  const char* p = base + position_;
  const auto offset = [&] { return static_cast<uint32_t>(p - base); };
  // Where to stop looking: one byte behind the limit, by which the parser knows that it was passed.
  const auto window = [&](uint32_t start, uint32_t limit) {
    return base + std::min<size_t>(static_cast<size_t>(end - base), size_t{start} + limit + 1);
  };

  while (p != end) {
    switch (state_) {
      case State::start:
        if (*p == '\r') {
          ++p;
          state_ = State::empty_line_lf;
          break;
        }
        state_ = State::request_line;
        break;

      case State::empty_line_lf:
        if (*p != '\n') return fail(ParseError::bare_cr);
        ++p;
        state_ = State::request_line;
        break;

      case State::request_line:
        head_.method_offset = offset();
        state_ = State::method;
        [[fallthrough]];

      case State::method:
        p = scan_token(p, window(head_.method_offset, kMaxMethodBytes));
        head_.method_length = offset() - head_.method_offset;
        if (head_.method_length > kMaxMethodBytes) return fail(ParseError::method_too_long);
        if (p == end) break;
        if (*p != ' ' || head_.method_length == 0) {
          return fail(unexpected(*p, ParseError::method_invalid));
        }
        ++p;
        head_.target_offset = offset();
        state_ = State::target;
        [[fallthrough]];

      case State::target:
        p = scan_target(p, window(head_.target_offset, limits_.max_target_bytes));
        head_.target_length = offset() - head_.target_offset;
        if (head_.target_length > limits_.max_target_bytes) {
          return fail(ParseError::target_too_long);
        }
        if (p == end) break;
        if (*p == '\r') return fail(ParseError::version_malformed);
        if (*p != ' ' || head_.target_length == 0) {
          return fail(unexpected(*p, ParseError::target_invalid));
        }
        ++p;
        mark_ = offset();
        state_ = State::version;
        [[fallthrough]];

      case State::version: {
        const size_t missing = mark_ + kVersionBytes - offset();
        if (static_cast<size_t>(end - p) < missing) {
          // Less may come than a version has: `GET / v`, and then nothing.
          p = end;
          if (!begins_version({base + mark_, offset() - mark_})) {
            return fail(ParseError::version_malformed);
          }
          break;
        }
        p += missing;
        const auto e = on_version({base + mark_, kVersionBytes});
        if (e != ParseError::none) return fail(e);
        state_ = State::request_line_cr;
        break;
      }

      case State::request_line_cr:
        if (*p != '\r') return fail(unexpected(*p, ParseError::version_malformed));
        ++p;
        state_ = State::request_line_lf;
        break;

      case State::request_line_lf:
        if (*p != '\n') return fail(ParseError::bare_cr);
        if (const auto e = on_request_line(base); e != ParseError::none) return fail(e);
        ++p;
        head_.fields_offset = offset();
        state_ = State::line_start;
        break;

      case State::line_start:
        if (*p == '\r') {
          ++p;
          state_ = State::head_lf;
          break;
        }
        if (is_blank(*p)) return fail(ParseError::line_folded);
        if (++field_count_ > limits_.max_fields) return fail(ParseError::too_many_fields);
        mark_ = offset();
        state_ = State::field_name;
        [[fallthrough]];

      case State::field_name:
        p = scan_token(p, end);
        if (p == end) break;
        name_length_ = offset() - mark_;
        if (*p != ':') return fail(unexpected_after_name(*p));
        if (name_length_ == 0) return fail(ParseError::field_name_invalid);
        ++p;
        state_ = State::field_value;
        [[fallthrough]];

      case State::field_value:
        p = scan_field_value(p, end);
        if (p == end) break;
        if (*p == '\n') return fail(ParseError::bare_lf);
        if (*p != '\r') return fail(ParseError::field_value_invalid);
        ++p;
        state_ = State::field_lf;
        if (p == end) break;
        [[fallthrough]];

      case State::field_lf: {
        if (*p != '\n') return fail(ParseError::bare_cr);
        const std::string_view line(base + mark_, offset() - 1 - mark_);
        const std::string_view name = line.substr(0, name_length_);
        const auto e = on_field(name, line.substr(name_length_ + 1));
        if (e != ParseError::none) return fail(e);
        ++p;
        state_ = State::line_start;
        break;
      }

      case State::head_lf: {
        if (*p != '\n') return fail(ParseError::bare_cr);
        ++p;
        const auto e = on_head_end(offset());
        if (e != ParseError::none) return fail(e);
        state_ = State::done;
        return ParseResult::done;
      }

      case State::done:
      case State::bad:
        break;  // returned above
    }
  }

  position_ = offset();
  if (position_ == limits_.max_head_bytes) return fail(ParseError::head_too_large);
  return ParseResult::need_more;
}

// By member: the copy of a whole parser costs more than the parse of a small head (measured).
void RequestParser::reset() noexcept {
  head_ = RequestHead{};
  position_ = 0;
  mark_ = 0;
  name_length_ = 0;
  field_count_ = 0;
  state_ = State::start;
  seen_ = 0;
  error_ = ParseError::none;
}

ParseResult RequestParser::fail(ParseError error) noexcept {
  error_ = error;
  state_ = State::bad;
  return ParseResult::bad;
}

// Before the target: with another version its form is not ours to judge ("PRI * HTTP/2.0").
ParseError RequestParser::on_version(std::string_view version) noexcept {
  if (version == "HTTP/1.1" || version == "HTTP/1.0") {
    head_.minor_version = static_cast<uint8_t>(version.back() - '0');
    return ParseError::none;
  }
  return begins_version(version) ? ParseError::version_unsupported : ParseError::version_malformed;
}

ParseError RequestParser::on_request_line(const char* base) noexcept {
  head_.method = to_method({base + head_.method_offset, head_.method_length});
  const std::string_view target(base + head_.target_offset, head_.target_length);
  return target_fits(head_.method, target) ? ParseError::none : ParseError::target_form;
}

ParseError RequestParser::on_field(std::string_view name, std::string_view value) noexcept {
  const auto named = [&](std::string_view known) { return equals_ignoring_case(name, known); };
  switch (name.size()) {
    case 4:
      if (named("host")) return on_host(trim(value));
      break;
    case 6:
      if (named("expect")) return on_expect(trim(value));
      break;
    case 7:
      if (named("upgrade")) seen_ |= kUpgrade;
      break;
    case 10:
      if (named("connection")) return on_connection(value);
      break;
    case 14:
      if (named("content-length")) return on_content_length(trim_spaces(value));
      break;
    case 17:
      if (named("transfer-encoding")) return on_transfer_encoding(trim_spaces(value));
      break;
  }
  return ParseError::none;
}

// RFC 9112 §3.2. An empty value is legal where the target has no authority, and names no host.
ParseError RequestParser::on_host(std::string_view value) noexcept {
  if (seen_ & kHost) return ParseError::host_repeated;
  seen_ |= kHost;
  if (value.empty() || is_authority(value, Port::optional)) return ParseError::none;
  return ParseError::host_invalid;
}

// RFC 9110 §8.6 lets a server merge equal values ("5, 5"). Each place where two parsers may differ
// is a gap to smuggle through, so one field with one number is all that passes.
ParseError RequestParser::on_content_length(std::string_view value) noexcept {
  if (head_.chunked) return ParseError::both_lengths;
  if (head_.has_content_length) return ParseError::content_length_repeated;
  if (value.empty() || !std::all_of(value.begin(), value.end(), is_digit)) {
    return ParseError::content_length_invalid;
  }

  uint64_t length = 0;
  for (const char digit : value) {
    length = length * 10 + static_cast<uint64_t>(digit - '0');
    if (length > kMaxBodyBytes) return ParseError::content_length_too_large;
  }
  head_.content_length = length;
  head_.has_content_length = true;
  return ParseError::none;
}

// RFC 9112 §6.1, §6.3: chunked must be there once and last, or the end of the body is unknown: 400.
// Codings under it are legal but not implemented: 501.
ParseError RequestParser::on_transfer_encoding(std::string_view value) noexcept {
  if (head_.minor_version == 0) return ParseError::transfer_encoding_in_http_1_0;
  if (head_.has_content_length) return ParseError::both_lengths;
  if (head_.chunked) return ParseError::transfer_encoding_repeated;
  if (equals_ignoring_case(value, "chunked")) {
    head_.chunked = true;
    return ParseError::none;
  }

  const size_t comma = value.rfind(',');
  const std::string_view last = trim(value.substr(comma + 1));  // npos + 1 is 0
  if (comma == value.npos || !equals_ignoring_case(last, "chunked")) {
    return ParseError::transfer_encoding_invalid;
  }
  for (std::string_view rest = value.substr(0, comma); !rest.empty();) {
    const std::string_view coding = take_member(rest);
    if (coding.empty()) return ParseError::transfer_encoding_invalid;
    if (equals_ignoring_case(coding, "chunked")) return ParseError::transfer_encoding_repeated;
  }
  return ParseError::transfer_encoding_unsupported;
}

// RFC 9110 §7.6.1: tokens, over any number of lines. The ones of hop-by-hop fields matter to relays
// only.
ParseError RequestParser::on_connection(std::string_view value) noexcept {
  while (!value.empty()) {
    const std::string_view option = take_member(value);
    if (scan_token(option.data(), option.data() + option.size()) != option.data() + option.size()) {
      return ParseError::connection_invalid;
    }
    if (equals_ignoring_case(option, "close")) seen_ |= kClose;
    if (equals_ignoring_case(option, "keep-alive")) seen_ |= kKeepAlive;
    if (equals_ignoring_case(option, "upgrade")) seen_ |= kConnectionUpgrade;
  }
  return ParseError::none;
}

// RFC 9110 §10.1.1. An HTTP/1.0 peer's expectation must be ignored; one that we do not know gets a
// 417, for the peer may wait for what we would never do.
ParseError RequestParser::on_expect(std::string_view value) noexcept {
  if (head_.minor_version == 0) return ParseError::none;
  if (!equals_ignoring_case(value, "100-continue")) return ParseError::expectation_unsupported;
  seen_ |= kExpectContinue;
  return ParseError::none;
}

ParseError RequestParser::on_head_end(uint32_t length) noexcept {
  const bool http_1_1 = head_.minor_version == 1;
  if (http_1_1 && !(seen_ & kHost)) return ParseError::host_missing;

  const bool has_body = head_.chunked || head_.content_length > 0;
  head_.keep_alive = !(seen_ & kClose) && (http_1_1 || (seen_ & kKeepAlive));
  head_.expect_continue = has_body && (seen_ & kExpectContinue);
  head_.has_upgrade = http_1_1 && (seen_ & kUpgrade) && (seen_ & kConnectionUpgrade);
  head_.head_length = length;
  head_.fields_length = length - 2 - head_.fields_offset;
  return ParseError::none;
}

}  // namespace catzilla::http
