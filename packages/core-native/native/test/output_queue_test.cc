#include "memory/output_queue.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <memory>
#include <string>
#include <utility>

namespace catzilla::memory {
namespace {

// A buffer that somebody else owns, shrinks and takes away.
class Foreign final : public ExternalBytes {
 public:
  explicit Foreign(std::shared_ptr<std::string> text) : text_(std::move(text)) {}
  Slice bytes() override { return slice_of(*text_); }

 private:
  std::shared_ptr<std::string> text_;
};

struct Fixture {
  ~Fixture() {
    queue.clear(pool);
    CHECK(pool.lent() == 0);
  }

  void copy(std::string_view text) { REQUIRE(queue.append(pool, slice_of(text))); }
  void refer(const std::shared_ptr<std::string>& text, uint64_t offset = 0) {
    REQUIRE(queue.append(std::make_unique<Foreign>(text), offset, text->size()));
  }

  // Takes up to `most` bytes of the next window.
  std::string take(size_t most = SIZE_MAX) {
    OutputQueue::Window window;
    const size_t count = queue.window(pool, window, holds);
    std::string text;
    for (size_t i = 0; i < count; ++i) {
      text.append(window[i].data(), std::min(window[i].size(), most - text.size()));
    }
    queue.consume(pool, text.size());
    return text;
  }

  std::string take_all(size_t step = SIZE_MAX) {
    std::string text;
    while (!queue.empty()) {
      const std::string next = take(step);
      if (next.empty()) return text + " …";
      text += next;
    }
    return text;
  }

  BufferPool pool;
  OutputQueue queue;
  bool holds = true;  // what the windows are taken with
};

std::string pattern(size_t size) {
  std::string text(size, ' ');
  for (size_t i = 0; i < size; ++i) {
    text[i] = static_cast<char>('a' + i % 26 + i / 4096 % 3);
  }
  return text;
}

TEST_CASE_FIXTURE(Fixture, "an empty queue holds no memory") {
  CHECK(queue.empty());
  copy("");
  OutputQueue::Window window;
  CHECK(queue.window(pool, window, true) == 0);
  copy("text");
  CHECK(pool.lent() == 1);
  take();
  CHECK(queue.empty());
  CHECK(pool.lent() == 0);
}

TEST_CASE_FIXTURE(Fixture, "small pieces share a segment") {
  for (int i = 0; i < 100; ++i) {
    copy("0123456789");
  }
  CHECK(pool.lent() == 1);
  CHECK(queue.bytes() == 1000);
  CHECK(take_all().size() == 1000);
}

TEST_CASE_FIXTURE(Fixture, "copied bytes come out as they came, however they are cut") {
  const std::string text = pattern(5 * Segment::kCapacity + 17);
  for (const size_t step : {size_t{1000}, Segment::kCapacity, Segment::kCapacity + 1, SIZE_MAX}) {
    copy(text);
    CHECK(take_all(step) == text);
    CHECK(pool.lent() == 0);
  }
}

TEST_CASE_FIXTURE(Fixture, "a window stays valid while more is appended") {
  copy("head ");
  OutputQueue::Window window;
  REQUIRE(queue.window(pool, window, true) == 1);
  copy(pattern(3 * Segment::kCapacity));
  CHECK(std::string_view(window[0].data(), window[0].size()) == "head ");
  queue.consume(pool, 5);
  CHECK(take_all() == pattern(3 * Segment::kCapacity));
}

TEST_CASE_FIXTURE(Fixture, "external bytes are copied a window at a time, in their place") {
  const auto text = std::make_shared<std::string>(pattern(1'000'000));
  copy("before ");
  refer(text);
  copy(" between ");
  refer(text, 999'990);
  copy(" behind");
  CHECK(pool.lent() <= 3);
  const std::string last = text->substr(999'990);
  const std::string expected = "before " + *text + " between " + last + " behind";
  CHECK(queue.bytes() == expected.size());
  SUBCASE("in memory that holds") {
    holds = true;
  }
  SUBCASE("where they are") {
    holds = false;
  }
  CHECK(take_all(10'000) == expected);
}

TEST_CASE_FIXTURE(Fixture, "external bytes that need not hold are not copied") {
  const auto text = std::make_shared<std::string>(pattern(1'000'000));
  refer(text);
  holds = false;
  OutputQueue::Window window;
  REQUIRE(queue.window(pool, window, holds) == 1);
  CHECK(window[0].data() == text->data());
  CHECK(take(12'345) == text->substr(0, 12'345));
  CHECK(pool.lent() == 0);
  SUBCASE("to the end") {
    CHECK(take_all() == text->substr(12'345));
  }
  SUBCASE("changing over") {
    holds = true;
    CHECK(take(20'000) == text->substr(12'345, 20'000));
    holds = false;
    CHECK(take_all() == text->substr(32'345));
  }
  SUBCASE("until they are taken away") {
    text->resize(500'000);
    CHECK(queue.window(pool, window, holds) == 0);
  }
}

TEST_CASE_FIXTURE(Fixture, "external bytes cost at most a window of memory") {
  const auto text = std::make_shared<std::string>(pattern(1'000'000));
  refer(text);
  size_t most = 0;
  while (!queue.empty()) {
    REQUIRE_FALSE(take(12'345).empty());
    most = std::max(most, pool.lent());
  }
  CHECK(most == OutputQueue::kWindowSlices);
}

TEST_CASE_FIXTURE(Fixture, "external bytes are let go as soon as the last of them is copied") {
  const auto text = std::make_shared<std::string>(pattern(100));
  refer(text);
  CHECK(text.use_count() == 2);
  CHECK(take(1).size() == 1);
  CHECK(text.use_count() == 1);
}

TEST_CASE_FIXTURE(Fixture, "a buffer that was taken away breaks the queue at its first byte") {
  const auto text = std::make_shared<std::string>(pattern(200'000));
  copy("before ");
  refer(text);
  copy(" behind");
  text->clear();
  CHECK(take() == "before ");
  CHECK(take().empty());
  CHECK_FALSE(queue.empty());
}

TEST_CASE_FIXTURE(Fixture, "a buffer that shrinks on the way is never read beyond its end") {
  const auto text = std::make_shared<std::string>(pattern(200'000));
  refer(text);
  const size_t window = OutputQueue::kWindowSlices * Segment::kCapacity;
  CHECK(take() == text->substr(0, window));
  text->resize(199'999);
  text->shrink_to_fit();
  CHECK(take().empty());
}

TEST_CASE_FIXTURE(Fixture, "a buffer that is shorter than promised breaks the queue") {
  const auto text = std::make_shared<std::string>("short");
  REQUIRE(queue.append(std::make_unique<Foreign>(text), 0, 6));
  CHECK(take().empty());
}

TEST_CASE_FIXTURE(Fixture, "no external bytes are left: nothing is kept") {
  const auto text = std::make_shared<std::string>("abc");
  refer(text, 3);
  CHECK(text.use_count() == 1);
  CHECK(queue.empty());
}

TEST_CASE_FIXTURE(Fixture, "clear() lets go of everything, and the queue can be used again") {
  const auto text = std::make_shared<std::string>(pattern(300'000));
  copy("before ");
  refer(text);
  take(10);
  copy(" behind");
  queue.clear(pool);
  CHECK(queue.empty());
  CHECK(text.use_count() == 1);
  CHECK(pool.lent() == 0);
  copy("again");
  CHECK(take_all() == "again");
}

}  // namespace
}  // namespace catzilla::memory
