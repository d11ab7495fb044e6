#include "http/request_parser.h"

#include <doctest/doctest.h>

#include <string>
#include <string_view>

#include "http/scan.h"

namespace catzilla::http {
namespace {

constexpr std::string_view kRequest =
    "POST /upload?name=a HTTP/1.1\r\n"
    "Host: example.com:8080\r\n"
    "Content-Length: 12\r\n"
    "\r\n";

std::string_view part(std::string_view bytes, uint32_t offset, uint32_t length) {
  return bytes.substr(offset, length);
}

TEST_CASE("head() says where the parts of the request are") {
  RequestParser parser{Limits{}};
  REQUIRE(parser.parse(kRequest) == ParseResult::done);
  const RequestHead& head = parser.head();
  CHECK(head.method == Method::post);
  CHECK(part(kRequest, head.method_offset, head.method_length) == "POST");
  CHECK(part(kRequest, head.target_offset, head.target_length) == "/upload?name=a");
  CHECK(part(kRequest, head.fields_offset, head.fields_length) ==
        "Host: example.com:8080\r\nContent-Length: 12\r\n");
  CHECK(head.head_length == kRequest.size());
  CHECK(head.minor_version == 1);
  CHECK(head.content_length == 12);
}

TEST_CASE("offsets count a tolerated empty line, and stop before what follows the head") {
  const std::string bytes = "\r\n" + std::string(kRequest) + "GET / ";
  RequestParser parser{Limits{}};
  REQUIRE(parser.parse(bytes) == ParseResult::done);
  const RequestHead& head = parser.head();
  CHECK(part(bytes, head.method_offset, head.method_length) == "POST");
  CHECK(part(bytes, head.target_offset, head.target_length) == "/upload?name=a");
  CHECK(head.head_length == kRequest.size() + 2);
}

TEST_CASE("methods are told apart by their bytes, case included") {
  const auto method_of = [](std::string method) {
    const std::string target = method == "CONNECT" ? "a:1" : "/";
    RequestParser parser{Limits{}};
    REQUIRE(parser.parse(method + " " + target + " HTTP/1.1\r\nHost: a\r\n\r\n") ==
            ParseResult::done);
    return parser.head().method;
  };
  CHECK(method_of("GET") == Method::get);
  CHECK(method_of("HEAD") == Method::head);
  CHECK(method_of("POST") == Method::post);
  CHECK(method_of("PUT") == Method::put);
  CHECK(method_of("DELETE") == Method::delete_);
  CHECK(method_of("CONNECT") == Method::connect);
  CHECK(method_of("OPTIONS") == Method::options);
  CHECK(method_of("TRACE") == Method::trace);
  CHECK(method_of("PATCH") == Method::patch);
  CHECK(method_of("QUERY") == Method::other);
  CHECK(method_of("PROPFIND") == Method::other);
  CHECK(method_of("get") == Method::other);
}

TEST_CASE("done and bad stay until reset()") {
  RequestParser parser{Limits{}};
  CHECK(parser.parse(kRequest) == ParseResult::done);
  CHECK(parser.parse(kRequest) == ParseResult::done);
  parser.reset();
  CHECK(parser.parse(std::string_view("\n")) == ParseResult::bad);
  CHECK(parser.parse(kRequest) == ParseResult::bad);
  CHECK(parser.error() == ParseError::bare_lf);
  parser.reset();
  CHECK(parser.error() == ParseError::none);
  CHECK(parser.parse(kRequest) == ParseResult::done);
}

TEST_CASE("idle() until the first byte of a method, an empty line before it or not") {
  RequestParser parser{Limits{}};
  CHECK(parser.idle());
  CHECK(parser.parse(std::string_view("\r")) == ParseResult::need_more);
  CHECK(parser.idle());
  CHECK(parser.parse(std::string_view("\r\n")) == ParseResult::need_more);
  CHECK(parser.idle());
  CHECK(parser.parse(std::string_view("\r\nG")) == ParseResult::need_more);
  CHECK_FALSE(parser.idle());
}

TEST_CASE("limits are exact") {
  const auto result_with = [](Limits limits) {
    RequestParser parser(limits);
    parser.parse(kRequest);
    return parser.error();
  };
  constexpr auto kSize = static_cast<uint32_t>(kRequest.size());
  CHECK(result_with({.max_head_bytes = kSize}) == ParseError::none);
  CHECK(result_with({.max_head_bytes = kSize - 1}) == ParseError::head_too_large);
  CHECK(result_with({.max_head_bytes = 0}) == ParseError::head_too_large);
  CHECK(result_with({.max_target_bytes = 14}) == ParseError::none);
  CHECK(result_with({.max_target_bytes = 13}) == ParseError::target_too_long);
  CHECK(result_with({.max_fields = 2}) == ParseError::none);
  CHECK(result_with({.max_fields = 1}) == ParseError::too_many_fields);
  CHECK(result_with({.max_fields = 0}) == ParseError::too_many_fields);
}

TEST_CASE("a head that reaches the limit is refused before its next byte") {
  RequestParser parser({.max_head_bytes = 20});
  CHECK(parser.parse(std::string_view("GET / HTTP/1.1\r\nHost:").substr(0, 19)) ==
        ParseResult::need_more);
  CHECK(parser.parse(std::string_view("GET / HTTP/1.1\r\nHost:").substr(0, 20)) ==
        ParseResult::bad);
}

// 64 KiB, a byte at a time. Each byte is spoilt as soon as the parser has seen it, so that a second
// look at it would be an error: the work is linear in the bytes, however they come.
TEST_CASE("no byte is scanned twice") {
  std::string bytes = "GET /" + std::string(16 * 1024, 't') + " HTTP/1.1\r\nHost: a\r\n";
  const size_t spoil_from = bytes.size();
  for (int i = 0; i < 25; ++i) {
    bytes += "X-" + std::string(1000, 'n') + ": " + std::string(1000, 'v') + "\r\n";
  }
  bytes += "\r\n";
  REQUIRE(bytes.size() > 64 * 1024);

  RequestParser parser({.max_target_bytes = 32 * 1024, .max_head_bytes = 128 * 1024});
  ParseResult result = ParseResult::need_more;
  for (size_t size = 1; size <= bytes.size() && result == ParseResult::need_more; ++size) {
    result = parser.parse({bytes.data(), size});
    if (size > spoil_from) bytes[size - 1] = '\0';
  }
  CHECK(result == ParseResult::done);
}

// The target and the fields that frame the message are read again, but only when their line is
// complete.
TEST_CASE("no byte of a complete line is looked at again") {
  std::string bytes(kRequest);
  RequestParser parser{Limits{}};
  size_t line_start = 0;
  ParseResult result = ParseResult::need_more;
  for (size_t size = 1; size <= bytes.size(); ++size) {
    result = parser.parse({bytes.data(), size});
    if (bytes[size - 1] != '\n') continue;
    std::fill(bytes.begin() + static_cast<ptrdiff_t>(line_start),
              bytes.begin() + static_cast<ptrdiff_t>(size), '\0');
    line_start = size;
  }
  CHECK(result == ParseResult::done);
  CHECK(parser.head().content_length == 12);
}

TEST_CASE("each error has a status of the 4xx or 5xx class and a name of its own") {
  std::string names = " ";
  for (int i = 1; i <= static_cast<int>(ParseError::trailers_too_large); ++i) {
    const auto error = static_cast<ParseError>(i);
    CHECK(error_status(error) >= 400);
    CHECK(error_status(error) < 600);
    const std::string name = " " + std::string(error_name(error)) + " ";
    CHECK_MESSAGE(names.find(name) == names.npos, name);
    names += name;
  }
  CHECK(error_status(ParseError::none) == 0);
}

// Each byte value at each place of a line longer than two SIMD blocks, against the table.
template <typename Scan>
void check_scan(CharClass wanted, Scan scan) {
  constexpr size_t kSize = 40;
  for (size_t place = 0; place < kSize; ++place) {
    for (int byte = 0; byte < 256; ++byte) {
      std::string text(kSize, 'a');
      text[place] = static_cast<char>(byte);
      const char* const stop = scan(text.data(), text.data() + text.size());
      const size_t expected = is(wanted, text[place]) ? kSize : place;
      if (stop != text.data() + expected) FAIL_CHECK("byte ", byte, " at ", place);
    }
  }
}

TEST_CASE("the scans stop exactly at the first byte that is not of their class") {
  check_scan(kTokenChar, scan_token);
  check_scan(kFieldChar, scan_field_value);
  check_scan(kTargetChar, scan_target);
}

// The classes again, from the text of the RFCs instead of the code.
TEST_CASE("the character classes are those of the RFCs") {
  for (int byte = 0; byte < 256; ++byte) {
    const auto c = static_cast<char>(byte);
    const bool alpha = (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z');
    const bool digit = byte >= '0' && byte <= '9';
    const bool visible = byte > 0x20 && byte < 0x7f;
    const bool in_field = visible || byte == ' ' || byte == '\t' || byte >= 0x80;
    const auto one_of = [&](std::string_view set) { return byte != 0 && set.find(c) != set.npos; };
    INFO("byte ", byte);
    CHECK(is(kTokenChar, c) == (alpha || digit || one_of("!#$%&'*+-.^_`|~")));
    CHECK(is(kFieldChar, c) == in_field);
    CHECK(is(kTargetChar, c) == (visible && c != '#'));
    CHECK(is(kQuotedChar, c) == (in_field && c != '"' && c != '\\'));
    CHECK(is(kRegNameChar, c) == (alpha || digit || one_of("-._~!$&'()*+;=")));
    CHECK(is(kHexDigit, c) == (digit || one_of("abcdefABCDEF")));
  }
}

}  // namespace
}  // namespace catzilla::http
