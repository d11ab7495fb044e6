// Requests with their bodies, as they come on a connection.

#include <string>

#include "fuzz/fuzz.h"
#include "http/chars.h"
#include "http/request_parser.h"
#include "test/replay.h"

namespace {

using namespace catzilla::http;

// Small enough for a fuzzer to reach.
constexpr Limits kTight{.max_target_bytes = 24, .max_head_bytes = 160, .max_fields = 5};

bool has_prefix(std::string_view text, std::string_view lower_case) {
  return text.size() >= lower_case.size() &&
         equals_ignoring_case(text.substr(0, lower_case.size()), lower_case);
}

// The rules again, in the slow and obvious way: line by line over a head that was accepted.
void check_head(std::string_view bytes, const RequestHead& head, const Limits& limits) {
  FUZZ_CHECK(head.head_length == bytes.size() && bytes.size() <= limits.max_head_bytes);
  FUZZ_CHECK(bytes.ends_with("\r\n\r\n"));
  FUZZ_CHECK(bytes.find('\0') == bytes.npos);

  std::vector<std::string_view> lines;
  std::string_view rest = bytes;
  if (rest.starts_with("\r\n")) rest.remove_prefix(2);
  while (rest != "\r\n") {
    const size_t end = rest.find("\r\n");
    FUZZ_CHECK(end != rest.npos);
    lines.push_back(rest.substr(0, end));
    rest.remove_prefix(end + 2);
  }

  const std::string_view method = bytes.substr(head.method_offset, head.method_length);
  const std::string_view target = bytes.substr(head.target_offset, head.target_length);
  FUZZ_CHECK(target.size() <= limits.max_target_bytes);
  FUZZ_CHECK(lines.at(0) == std::string(method) + " " + std::string(target) + " HTTP/1." +
                                std::to_string(head.minor_version));
  FUZZ_CHECK(target.find_first_of("# \t") == target.npos);

  FUZZ_CHECK(lines.size() - 1 <= limits.max_fields);
  FUZZ_CHECK(lines.size() == 1 || lines[1].data() == bytes.data() + head.fields_offset);
  size_t hosts = 0;
  size_t lengths = 0;
  size_t encodings = 0;
  size_t fields_length = 0;
  for (size_t i = 0; i < lines.size(); ++i) {
    const std::string_view line = lines[i];
    FUZZ_CHECK(line.find_first_of("\r\n") == line.npos);
    if (i == 0) continue;
    const size_t colon = line.find(':');
    FUZZ_CHECK(colon != line.npos && colon > 0);
    FUZZ_CHECK(line.substr(0, colon).find_first_of(" \t") == line.npos);
    fields_length += line.size() + 2;
    hosts += has_prefix(line, "host:");
    lengths += has_prefix(line, "content-length:");
    encodings += has_prefix(line, "transfer-encoding:");
  }
  FUZZ_CHECK(head.fields_length == fields_length);
  FUZZ_CHECK(hosts == 1 || (hosts == 0 && head.minor_version == 0));
  FUZZ_CHECK(lengths + encodings <= 1);
  FUZZ_CHECK(head.has_content_length == (lengths == 1));
  FUZZ_CHECK(head.chunked == (encodings == 1));
  FUZZ_CHECK(!head.chunked || head.minor_version == 1);
  FUZZ_CHECK(head.content_length <= kMaxBodyBytes);
}

// An accepted head is accepted again alone, and no shorter part of it is.
void check_again(std::string_view bytes, const RequestHead& head, const Limits& limits) {
  RequestParser parser(limits);
  FUZZ_CHECK(parser.parse(bytes.substr(0, bytes.size() - 1)) == ParseResult::need_more);
  FUZZ_CHECK(parser.parse(bytes) == ParseResult::done);
  FUZZ_CHECK(parser.head() == head);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  const Limits limits = catzilla::fuzz::hash(input) % 4 == 0 ? kTight : Limits{};

  RequestParser parser(limits);
  if (parser.parse(input) == ParseResult::done) {
    const std::string_view head = input.substr(0, parser.head().head_length);
    check_head(head, parser.head(), limits);
    check_again(head, parser.head(), limits);
  }

  const auto whole = test::replay(input, {}, limits);
  for (const auto& cuts : catzilla::fuzz::ways_to_cut(input)) {
    FUZZ_CHECK(test::replay(input, cuts, limits) == whole);
  }
  return 0;
}
