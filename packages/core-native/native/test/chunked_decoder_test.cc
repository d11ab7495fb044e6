#include "http/chunked_decoder.h"

#include <doctest/doctest.h>

#include <string>
#include <string_view>

namespace catzilla::http {
namespace {

struct Outcome {
  ParseResult result = ParseResult::need_more;
  std::string payload;
  size_t left = 0;
};

Outcome decode_all(ChunkedDecoder& decoder, std::string_view bytes) {
  Outcome outcome;
  std::span<const char> rest = bytes;
  while (!rest.empty() && outcome.result == ParseResult::need_more) {
    const auto step = decoder.decode(rest);
    outcome.result = step.result;
    outcome.payload.append(step.data.begin(), step.data.end());
    rest = rest.subspan(step.consumed);
  }
  outcome.left = rest.size();
  return outcome;
}

TEST_CASE("payload is a span into the input") {
  constexpr std::string_view kBody = "5\r\nhello\r\n0\r\n\r\n";
  ChunkedDecoder decoder;
  const auto step = decoder.decode(kBody);
  CHECK(step.result == ParseResult::need_more);
  CHECK(step.data.data() == kBody.data() + 3);
  CHECK(step.data.size() == 5);
  CHECK(step.consumed == 8);
}

TEST_CASE("what follows the body is left to the caller") {
  ChunkedDecoder decoder;
  const auto outcome = decode_all(decoder, "1\r\na\r\n0\r\n\r\nGET / HTTP/1.1\r\n");
  CHECK(outcome.result == ParseResult::done);
  CHECK(outcome.payload == "a");
  CHECK(outcome.left == 16);
}

TEST_CASE("an empty input changes nothing") {
  ChunkedDecoder decoder;
  const auto step = decoder.decode({});
  CHECK(step.result == ParseResult::need_more);
  CHECK(step.consumed == 0);
  CHECK(decode_all(decoder, "0\r\n\r\n").result == ParseResult::done);
}

TEST_CASE("done and bad stay, and consume nothing, until reset()") {
  constexpr std::string_view kBody = "0\r\n\r\n";
  ChunkedDecoder decoder;
  CHECK(decode_all(decoder, kBody).result == ParseResult::done);
  CHECK(decoder.decode(kBody).result == ParseResult::done);
  CHECK(decoder.decode(kBody).consumed == 0);
  decoder.reset();
  CHECK(decode_all(decoder, "x").result == ParseResult::bad);
  CHECK(decoder.decode(kBody).result == ParseResult::bad);
  CHECK(decoder.decode(kBody).consumed == 0);
  CHECK(decoder.error() == ParseError::chunk_size_invalid);
  decoder.reset();
  CHECK(decode_all(decoder, kBody).result == ParseResult::done);
}

TEST_CASE("the largest chunk is 2^53 - 1 bytes") {
  ChunkedDecoder decoder;
  CHECK(decode_all(decoder, "1fffffffffffff\r\nabc").payload == "abc");
  decoder.reset();
  CHECK(decode_all(decoder, "20000000000000\r\n").result == ParseResult::bad);
  CHECK(decoder.error() == ParseError::chunk_size_too_large);
}

TEST_CASE("a body of one-byte chunks ends in an error, one of two-byte chunks does not") {
  const auto error_after = [](std::string_view chunk, int count) {
    ChunkedDecoder decoder;
    for (int i = 0; i < count; ++i)
      decode_all(decoder, chunk);
    return decoder.error();
  };
  CHECK(error_after("1\r\na\r\n", 60'000) == ParseError::none);
  CHECK(error_after("1\r\na\r\n", 70'000) == ParseError::chunk_overhead);
  CHECK(error_after("2\r\naa\r\n", 200'000) == ParseError::none);
}

TEST_CASE("zeros in front of sizes are overhead like any other") {
  ChunkedDecoder decoder;
  for (int i = 0; i < 10'000; ++i)
    decode_all(decoder, "000000000000001\r\na\r\n");
  CHECK(decoder.error() == ParseError::chunk_overhead);
}

TEST_CASE("extensions are limited over the whole body (CVE-2024-22019, CVE-2023-39326)") {
  ChunkedDecoder decoder;
  for (int i = 0; i < 100; ++i)
    decode_all(decoder, "a;name=value\r\n0123456789\r\n");
  CHECK(decoder.error() == ParseError::none);
  for (int i = 0; i < 1000; ++i)
    decode_all(decoder, "a;name=value\r\n0123456789\r\n");
  CHECK(decoder.error() == ParseError::chunk_extensions_too_large);
}

TEST_CASE("trailers are limited together") {
  ChunkedDecoder decoder;
  decode_all(decoder, "0\r\n");
  for (int i = 0; i < 1000; ++i)
    decode_all(decoder, "name: value\r\n");
  CHECK(decoder.error() == ParseError::trailers_too_large);
}

}  // namespace
}  // namespace catzilla::http
