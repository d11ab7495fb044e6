#include "net/timer_wheel.h"

#include <doctest/doctest.h>

#include <cstdint>
#include <functional>
#include <map>
#include <vector>

namespace catzilla::net {
namespace {

constexpr uint32_t kTickMs = 10;

struct LinkOf {
  std::vector<TimerLink>* links;
  TimerLink& operator()(uint32_t slot) const { return (*links)[slot]; }
};

// Ticks a wheel as a timer of the loop would, and notes which tick each slot came with.
struct Clock {
  explicit Clock(size_t slots = 16) : links(slots), wheel(LinkOf{&links}, kTickMs) {}

  void tick(uint32_t count = 1) {
    for (; count > 0; --count) {
      ++now;
      wheel.tick([this](uint32_t slot) {
        CHECK(links[slot].bucket == UINT16_MAX);  // its deadline is cleared
        expired[slot] = now;
        if (on_expire) on_expire(slot);
      });
    }
  }

  std::vector<TimerLink> links;
  TimerWheel<LinkOf> wheel;
  uint32_t now = 0;
  std::map<uint32_t, uint32_t> expired;
  std::function<void(uint32_t)> on_expire;
};

TEST_CASE("a deadline is never early, and at most one tick late") {
  const uint32_t round = TimerWheel<LinkOf>::kBuckets * kTickMs;
  for (const uint32_t after : {0U, 1U, 9U, 10U, 11U, 640U, round - 10, round - 1, round, round + 1,
                               round + 10, 3 * round, 3 * round + 55, 65'000U}) {
    for (const uint32_t before : {0U, 1U, 100U, 127U, 128U}) {
      Clock clock;
      clock.tick(before);
      clock.wheel.set(3, after);
      clock.tick(after / kTickMs);
      CHECK(clock.expired.empty());  // a first tick may come at once, so that one more is needed
      clock.tick();
      CHECK(clock.expired.contains(3));
      CHECK(clock.wheel.empty());
    }
  }
}

TEST_CASE("a later deadline replaces an earlier one, and the other way round") {
  Clock clock;
  clock.wheel.set(0, 100);
  clock.wheel.set(0, 300);
  clock.wheel.set(1, 300);
  clock.wheel.set(1, 100);
  clock.tick(100);
  CHECK(clock.expired == std::map<uint32_t, uint32_t>{{0, 31}, {1, 11}});
}

TEST_CASE("a cleared deadline does not come, wherever it hangs in its bucket") {
  for (const uint32_t cleared : {0U, 1U, 2U}) {
    Clock clock;
    for (const uint32_t slot : {0U, 1U, 2U}) {
      clock.wheel.set(slot, 50);
    }
    clock.wheel.clear(cleared);
    clock.wheel.clear(cleared);
    clock.tick(20);
    CHECK(clock.expired.size() == 2);
    CHECK_FALSE(clock.expired.contains(cleared));
    CHECK(clock.wheel.empty());
  }
}

TEST_CASE("deadlines of the same bucket and different rounds come in their own time") {
  const uint32_t round = TimerWheel<LinkOf>::kBuckets * kTickMs;
  Clock clock;
  clock.wheel.set(0, 50 + 2 * round);
  clock.wheel.set(1, 50);
  clock.wheel.set(2, 50 + round);
  clock.tick(300);
  CHECK(clock.expired == std::map<uint32_t, uint32_t>{{0, 262}, {1, 6}, {2, 134}});
}

TEST_CASE("expire may set its own deadline again") {
  Clock clock;
  std::vector<uint32_t> times;
  clock.on_expire = [&](uint32_t slot) {
    times.push_back(clock.now);
    if (times.size() < 3) clock.wheel.set(slot, 0);
  };
  clock.wheel.set(5, 0);
  clock.tick(10);
  CHECK(times == std::vector<uint32_t>{1, 2, 3});
}

TEST_CASE("expire may clear and set deadlines that are due at the same tick") {
  Clock clock;
  for (const uint32_t slot : {0U, 1U, 2U, 3U}) {
    clock.wheel.set(slot, 20);
  }
  clock.on_expire = [&](uint32_t first) {
    if (clock.expired.size() > 1) return;
    clock.wheel.clear((first + 1) % 4);
    clock.wheel.set((first + 2) % 4, 100);
  };
  clock.tick(3);
  CHECK(clock.expired.size() == 2);
  clock.tick(20);
  CHECK(clock.expired.size() == 3);
  CHECK(clock.wheel.empty());
}

TEST_CASE("a deadline beyond the wheel's reach is none, and replaces one that was set") {
  Clock clock;
  clock.wheel.set(0, 50);
  clock.wheel.set(0, UINT32_MAX);
  CHECK(clock.wheel.empty());
  clock.tick(1000);
  CHECK(clock.expired.empty());
}

TEST_CASE("many deadlines, against a plain list") {
  constexpr uint32_t kSlots = 300;
  Clock clock(kSlots);
  std::map<uint32_t, uint32_t> due;  // slot → tick
  uint64_t random = 1;
  const auto next = [&random](uint32_t below) {
    random = random * 6364136223846793005 + 1442695040888963407;
    return static_cast<uint32_t>((random >> 33) % below);
  };
  clock.on_expire = [&](uint32_t slot) {
    REQUIRE(due.contains(slot));
    REQUIRE(due[slot] == clock.now);
    due.erase(slot);
  };
  for (int i = 0; i < 20'000; ++i) {
    const uint32_t slot = next(kSlots);
    if (next(4) == 0) {
      clock.wheel.clear(slot);
      due.erase(slot);
    } else {
      const uint32_t after = next(5000);
      clock.wheel.set(slot, after);
      due[slot] = clock.now + after / kTickMs + 1;
    }
    if (next(3) == 0) clock.tick();
  }
  clock.tick(1000);
  CHECK(due.empty());
  CHECK(clock.wheel.empty());
}

}  // namespace
}  // namespace catzilla::net
