#include "memory/buffer_pool.h"

#include <doctest/doctest.h>

#include <vector>

namespace catzilla::memory {
namespace {

TEST_CASE("a segment that was given back is lent again, empty") {
  BufferPool pool;
  Segment* segment = pool.take();
  REQUIRE(segment != nullptr);
  segment->end = 100;
  segment->begin = 50;
  pool.give_back(segment);
  Segment* again = pool.take();
  CHECK(again == segment);
  CHECK(again->size() == 0);
  CHECK(again->room() == Segment::kCapacity);
  CHECK(again->next == nullptr);
  pool.give_back(again);
}

TEST_CASE("the pool counts what is lent, and keeps the peak") {
  BufferPool pool;
  std::vector<Segment*> segments;
  for (int i = 0; i < 5; ++i) {
    segments.push_back(pool.take());
  }
  CHECK(pool.lent() == 5);
  for (Segment* segment : segments) {
    pool.give_back(segment);
  }
  CHECK(pool.lent() == 0);
  CHECK(pool.peak() == 5);
}

TEST_CASE("more segments than are kept go back to the system") {
  BufferPool pool;
  std::vector<Segment*> segments;
  for (size_t i = 0; i < BufferPool::kKeptSegments + 10; ++i) {
    segments.push_back(pool.take());
  }
  for (Segment* segment : segments) {
    pool.give_back(segment);
  }
  CHECK(pool.lent() == 0);  // and the address sanitizer finds nothing lost
}

}  // namespace
}  // namespace catzilla::memory
