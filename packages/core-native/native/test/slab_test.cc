#include "base/slab.h"

#include <doctest/doctest.h>

#include <memory>
#include <string>
#include <vector>

namespace catzilla {
namespace {

TEST_CASE("a handle finds its slot until the slot is released") {
  Slab<std::string> slab;
  const uint32_t slot = slab.allocate("a string that is too long to stand inside of its object");
  const Handle handle{slot, slab.generation(slot)};
  CHECK(slab.find(handle) == &slab[slot]);
  slab.release(slot);
  CHECK(slab.find(handle) == nullptr);
  CHECK_FALSE(slab.live(slot));
  CHECK(slab.size() == 0);
}

TEST_CASE("the slot released last is used first, under another generation") {
  Slab<int> slab;
  const uint32_t first = slab.allocate(1);
  const uint32_t second = slab.allocate(2);
  const Handle stale{first, slab.generation(first)};
  slab.release(second);
  slab.release(first);
  CHECK(slab.allocate(3) == first);
  CHECK(slab.allocate(4) == second);
  CHECK(slab.find(stale) == nullptr);
  CHECK(*slab.find({first, slab.generation(first)}) == 3);
  CHECK(slab.reserved() == 2);
}

TEST_CASE("bump() ends one use of a slot and keeps its value") {
  Slab<int> slab;
  const uint32_t slot = slab.allocate(7);
  const Handle stale{slot, slab.generation(slot)};
  slab.bump(slot);
  CHECK(slab.find(stale) == nullptr);
  CHECK(slab[slot] == 7);
  CHECK(slab.live(slot));
}

TEST_CASE("no handle that was never given finds anything") {
  Slab<int> slab;
  CHECK(slab.find({}) == nullptr);
  CHECK(slab.find({UINT32_MAX, 1}) == nullptr);
  CHECK(slab.allocate(1) == 0);
  CHECK(slab.find({0, 0}) == nullptr);
  CHECK(slab.find({1, 1}) == nullptr);
  CHECK(slab.find({0, 2}) == nullptr);
}

TEST_CASE("slots never move, over several segments") {
  constexpr uint32_t kCount = 2 * Slab<uint32_t>::kSegmentSlots + 1;
  Slab<uint32_t> slab;
  std::vector<uint32_t*> places;
  for (uint32_t i = 0; i < kCount; ++i) {
    const uint32_t slot = slab.allocate(i);
    CHECK(slot == i);
    places.push_back(&slab[slot]);
  }
  for (uint32_t i = 0; i < kCount; ++i) {
    REQUIRE(places[i] == &slab[i]);
    REQUIRE(*places[i] == i);
  }
  CHECK(slab.size() == kCount);
}

TEST_CASE("values are destroyed once: at their release, or with the slab") {
  const auto value = std::make_shared<int>(1);
  {
    Slab<std::shared_ptr<int>> slab;
    const uint32_t slot = slab.allocate(value);
    CHECK(slab.allocate(value) == slot + 1);
    CHECK(value.use_count() == 3);
    slab.release(slot);
    CHECK(value.use_count() == 2);
  }
  CHECK(value.use_count() == 1);
}

}  // namespace
}  // namespace catzilla
