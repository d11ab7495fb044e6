#include "memory/byte_queue.h"

#include <doctest/doctest.h>

#include <string>
#include <string_view>

namespace catzilla::memory {
namespace {

std::string_view text_of(const ByteQueue& queue) {
  return {queue.bytes().data(), queue.size()};
}

TEST_CASE("bytes come out in order and in one piece") {
  ByteQueue queue;
  REQUIRE(queue.append(slice_of("abc")));
  REQUIRE(queue.append(slice_of("def")));
  CHECK(text_of(queue) == "abcdef");
  queue.consume(4);
  CHECK(text_of(queue) == "ef");
  queue.consume(2);
  CHECK(queue.empty());
}

TEST_CASE("an empty queue takes nothing, and gives nothing") {
  ByteQueue queue;
  CHECK(queue.empty());
  CHECK(queue.bytes().empty());
  CHECK(queue.append({}));
  queue.consume(0);
  CHECK(queue.empty());
}

TEST_CASE("consumed bytes stay in place until the next append") {
  ByteQueue queue;
  REQUIRE(queue.append(slice_of("abc")));
  const Slice bytes = queue.bytes();
  queue.consume(3);
  CHECK(std::string_view(bytes.data(), bytes.size()) == "abc");
}

TEST_CASE("it holds whatever pieces come, while others leave") {
  ByteQueue queue;
  std::string expected;
  for (int i = 0; i < 500; ++i) {
    const std::string piece(static_cast<size_t>(i * 37 % 900), static_cast<char>('a' + i % 26));
    REQUIRE(queue.append(slice_of(piece)));
    expected += piece;
    const size_t leaving = static_cast<size_t>(i * 53 % 800) % (expected.size() + 1);
    queue.consume(leaving);
    expected.erase(0, leaving);
    REQUIRE(text_of(queue) == expected);
  }
}

}  // namespace
}  // namespace catzilla::memory
