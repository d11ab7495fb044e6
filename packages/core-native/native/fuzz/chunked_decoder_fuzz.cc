// Chunked bodies, from the first size to whatever stands behind the body.

#include "http/chunked_decoder.h"

#include <cstdlib>
#include <memory>
#include <string>

#include "fuzz/fuzz.h"

namespace {

using namespace catzilla::http;

struct Outcome {
  ParseResult result = ParseResult::need_more;
  ParseError error = ParseError::none;
  std::string payload;
  size_t consumed = 0;

  bool operator==(const Outcome&) const = default;
};

// Each piece is a block of its own, so that the address sanitizer sees a read beyond it.
void decode_piece(ChunkedDecoder& decoder, std::string_view piece, Outcome& outcome) {
  const auto copy = std::make_unique<char[]>(piece.size());
  std::copy(piece.begin(), piece.end(), copy.get());
  std::span<const char> rest(copy.get(), piece.size());
  while (!rest.empty() && outcome.result == ParseResult::need_more) {
    const auto step = decoder.decode(rest);
    FUZZ_CHECK(step.consumed > 0 && step.consumed <= rest.size());
    FUZZ_CHECK(step.data.size() <= step.consumed);
    if (!step.data.empty()) {
      FUZZ_CHECK(step.result == ParseResult::need_more);
      FUZZ_CHECK(step.data.data() + step.data.size() == rest.data() + step.consumed);
    }
    outcome.result = step.result;
    outcome.error = decoder.error();
    outcome.payload.append(step.data.begin(), step.data.end());
    outcome.consumed += step.consumed;
    rest = rest.subspan(step.consumed);
  }
}

Outcome decode(std::string_view input, const std::vector<size_t>& cuts) {
  ChunkedDecoder decoder;
  Outcome outcome;
  size_t start = 0;
  for (const size_t cut : cuts) {
    decode_piece(decoder, input.substr(start, cut - start), outcome);
    start = cut;
  }
  decode_piece(decoder, input.substr(start), outcome);
  return outcome;
}

// A decoder that checks next to nothing. It must find the same payload in a body that ours accepts,
// for then the body means the same to every other parser.
std::string decode_lax(std::string_view body) {
  std::string payload;
  while (true) {
    const size_t line_end = body.find("\r\n");
    FUZZ_CHECK(line_end != body.npos);
    const size_t size = std::strtoull(std::string(body.substr(0, line_end)).c_str(), nullptr, 16);
    body.remove_prefix(line_end + 2);
    if (size == 0) break;
    FUZZ_CHECK(size + 2 <= body.size() && body.substr(size, 2) == "\r\n");
    payload += body.substr(0, size);
    body.remove_prefix(size + 2);
  }
  while (!body.starts_with("\r\n")) {
    const size_t line_end = body.find("\r\n");
    FUZZ_CHECK(line_end != body.npos);
    body.remove_prefix(line_end + 2);
  }
  FUZZ_CHECK(body == "\r\n");
  return payload;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  const Outcome whole = decode(input, {});
  FUZZ_CHECK((whole.error != ParseError::none) == (whole.result == ParseResult::bad));
  if (whole.result == ParseResult::done) {
    FUZZ_CHECK(decode_lax(input.substr(0, whole.consumed)) == whole.payload);
  }
  for (const auto& cuts : catzilla::fuzz::ways_to_cut(input)) {
    FUZZ_CHECK(decode(input, cuts) == whole);
  }
  return 0;
}
