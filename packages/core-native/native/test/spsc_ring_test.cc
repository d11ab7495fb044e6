#include "ring/spsc_ring.h"

#include <doctest/doctest.h>

#include <cstdlib>
#include <memory>
#include <random>
#include <string>
#include <thread>
#include <vector>

namespace catzilla::ring {
namespace {

struct Free {
  void operator()(void* memory) const { std::free(memory); }
};

// A ring in memory of exactly its size, so that a sanitizer sees what goes beyond.
struct TestRing {
  TestRing(uint32_t capacity, Kind kind, uint32_t start = 0)
      : size(Memory::bytes_for(capacity)),
        bytes(std::aligned_alloc(128, (size + 127) / 128 * 128)) {
    std::unique_ptr<void, Free> laid(std::aligned_alloc(128, (size + 127) / 128 * 128));
    REQUIRE(Memory::create(laid.get(), capacity, kind));
    bytes.reset(std::malloc(size));  // Aligned to a word, and no byte more.
    std::memcpy(bytes.get(), laid.get(), size);
    REQUIRE(memory.open(bytes.get(), size));
    memory.tail() = start;
    memory.head() = start;
  }
  size_t size;
  std::unique_ptr<void, Free> bytes;
  Memory memory;
};

std::string text_of(const Pieces& pieces) {
  std::string text(pieces.size(), '\0');
  pieces.copy_to(text.data());
  return text;
}

TEST_CASE("a ring is full to its last byte, and empty again") {
  TestRing ring(8, Kind::bytes, UINT32_MAX - 2);
  Producer producer(ring.memory);
  Consumer consumer(ring.memory);
  uint32_t taken = 0;
  Pieces pieces;
  CHECK(consumer.peek(&pieces) == Outcome::wait);
  CHECK(producer.stage(slice_of("123456789"), &taken) == Outcome::ok);
  CHECK(taken == 8);
  CHECK(consumer.peek(&pieces) == Outcome::wait);
  CHECK_FALSE(producer.publish());
  CHECK(producer.stage(slice_of("9"), &taken) == Outcome::wait);
  REQUIRE(consumer.peek(&pieces) == Outcome::ok);
  CHECK(text_of(pieces) == "12345678");
  consumer.take(3);
  CHECK(producer.room() == 0);
  CHECK_FALSE(consumer.release());
  CHECK(producer.room() == 3);
  REQUIRE(consumer.peek(&pieces) == Outcome::ok);
  CHECK(text_of(pieces) == "45678");
}

TEST_CASE("a record that never fits is told from one that does not fit now") {
  TestRing ring(16, Kind::records);
  Producer producer(ring.memory);
  Consumer consumer(ring.memory);
  CHECK(producer.stage_record(slice_of("0123456789abc")) == Outcome::too_large);
  CHECK(producer.stage_record(slice_of("0123456789ab")) == Outcome::ok);
  CHECK(producer.stage_record({}) == Outcome::wait);
  CHECK_FALSE(producer.publish());
  Pieces record;
  REQUIRE(consumer.peek_record(&record) == Outcome::ok);
  CHECK(text_of(record) == "0123456789ab");
  consumer.take();
  CHECK_FALSE(consumer.release());
  CHECK(producer.stage_record({}) == Outcome::ok);
  uint32_t taken = 0;
  CHECK(producer.stage(slice_of("x"), &taken) == Outcome::wrong_kind);
  CHECK(consumer.peek(&record) == Outcome::wrong_kind);
}

TEST_CASE("the end, and what went wrong, come behind what was written") {
  TestRing ring(64, Kind::records);
  Producer producer(ring.memory);
  Consumer consumer(ring.memory);
  CHECK(producer.stage_record(slice_of("last")) == Outcome::ok);
  CHECK_FALSE(producer.fail(std::string(123, 'x') + "\xc3\xa9"));  // Cut before the character.
  CHECK_FALSE(producer.end());
  CHECK(producer.stage_record({}) == Outcome::closed);
  CHECK(consumer.status() == Status::open);
  Pieces record;
  REQUIRE(consumer.peek_record(&record) == Outcome::ok);
  consumer.take();
  CHECK(consumer.status() == Status::failed);
  CHECK(consumer.failure() == std::string(123, 'x'));
}

TEST_CASE("who goes to sleep is told of by the next step of the other end, once") {
  TestRing ring(8, Kind::bytes);
  Producer producer(ring.memory);
  Consumer consumer(ring.memory);
  uint32_t taken = 0;
  bool wake = false;
  CHECK(consumer.arm());
  CHECK(producer.stage(slice_of("12345678"), &taken) == Outcome::ok);
  CHECK(producer.arm(4, &wake));
  CHECK(wake);
  CHECK_FALSE(consumer.arm());
  Pieces pieces;
  REQUIRE(consumer.peek(&pieces) == Outcome::ok);
  consumer.take(3);
  CHECK_FALSE(consumer.release());  // It waits for four.
  consumer.take(1);
  CHECK(consumer.release());
  CHECK_FALSE(producer.arm(4, &wake));
  CHECK_FALSE(wake);
  CHECK(producer.arm(8, &wake));
  CHECK(consumer.cancel());
  CHECK(producer.cancelled());
  CHECK_FALSE(producer.arm(8, &wake));
}

TEST_CASE("what no ring can be is not opened") {
  alignas(128) char bytes[Memory::bytes_for(16)];
  for (const uint32_t capacity : {0u, 4u, 12u, kLargestCapacity * 2})
    CHECK_FALSE(Memory::create(bytes, capacity, Kind::bytes));
  const auto opens = [&](size_t word, uint32_t value, size_t size = sizeof bytes) {
    REQUIRE(Memory::create(bytes, 16, Kind::bytes));
    std::memcpy(bytes + word * 4, &value, sizeof value);
    return Memory().open(bytes, size);
  };
  CHECK(opens(0, kMagic));
  CHECK_FALSE(opens(0, 1));
  CHECK_FALSE(opens(1, 2));
  CHECK_FALSE(opens(2, 2));
  CHECK_FALSE(opens(3, 12));
  CHECK_FALSE(opens(3, 32));
  CHECK_FALSE(opens(0, kMagic, sizeof bytes - 1));
  CHECK_FALSE(Memory().open(nullptr, 1024));
  CHECK_FALSE(Memory().open(bytes + 1, sizeof bytes - 1));
}

TEST_CASE("a ring is a queue, whatever the sizes") {
  for (uint32_t seed = 1; seed <= 40; ++seed) {
    std::mt19937 random(seed);
    const uint32_t capacity = 8u << (random() % 6);
    TestRing ring(capacity, Kind::records, static_cast<uint32_t>(random()) & ~3u);
    Producer producer(ring.memory);
    Consumer consumer(ring.memory);
    std::vector<std::string> queue;
    uint64_t used = 0;
    for (int round = 0; round < 2000; ++round) {
      std::string record(random() % capacity, static_cast<char>(random()));
      const uint64_t size = record_size(record.size());
      const bool fits = size <= capacity - used;
      const Outcome outcome = producer.stage_record(slice_of(record));
      REQUIRE((outcome == Outcome::ok) == fits);
      if (fits) {
        queue.push_back(record);
        used += size;
      }
      if (random() % 3 == 0) continue;
      (void)producer.publish();
      for (uint32_t reads = random() % 4; reads > 0; --reads) {
        Pieces pieces;
        REQUIRE((consumer.peek_record(&pieces) == Outcome::ok) == !queue.empty());
        if (queue.empty()) break;
        REQUIRE(text_of(pieces) == queue.front());
        used -= record_size(queue.front().size());
        queue.erase(queue.begin());
        consumer.take();
      }
      (void)consumer.release();
    }
  }
}

// Two threads, which sleep on the words as std::atomic does.
void run_threads(uint32_t capacity, Kind kind, uint32_t records) {
  TestRing ring(capacity, kind);
  std::thread producing([&] {
    Producer producer(ring.memory);
    const auto wake_if = [&](bool asleep) {
      if (asleep) ring.memory.consumer_sleeps().notify_one();
    };
    const auto sleep = [&](uint32_t bytes) {
      bool wake = false;
      const bool armed = producer.arm(bytes, &wake);
      wake_if(wake);
      const uint32_t wanted = ring.memory.producer_sleeps().load();
      if (armed && wanted != 0) ring.memory.producer_sleeps().wait(wanted);
    };
    for (uint32_t i = 0; i < records;) {
      std::string text(i % 29, static_cast<char>('a' + i % 26));
      if (kind == Kind::records) {
        if (producer.stage_record(slice_of(text)) == Outcome::ok) {
          if (++i % 3 == 0) wake_if(producer.publish());
        } else {
          sleep(static_cast<uint32_t>(record_size(text.size())));
        }
      } else {
        Slice rest = slice_of(text);
        while (!rest.empty()) {
          uint32_t taken = 0;
          if (producer.stage(rest, &taken) != Outcome::ok) sleep(1);
          rest = rest.subspan(taken);
          wake_if(producer.publish());
        }
        ++i;
      }
    }
    wake_if(producer.end());
  });
  Consumer consumer(ring.memory);
  uint32_t seen = 0;
  std::string expected;
  std::string bytes;
  bool right = true;
  while (consumer.status() == Status::open) {
    if (consumer.arm()) ring.memory.consumer_sleeps().wait(1);
    Pieces pieces;
    while ((kind == Kind::records ? consumer.peek_record(&pieces) : consumer.peek(&pieces)) ==
           Outcome::ok) {
      if (kind == Kind::records) {
        expected.assign(seen % 29, static_cast<char>('a' + seen % 26));
        right = right && text_of(pieces) == expected;
        ++seen;
      } else {
        bytes += text_of(pieces);
      }
      consumer.take();
      if (consumer.release()) ring.memory.producer_sleeps().notify_one();
    }
  }
  producing.join();
  if (kind == Kind::records) {
    CHECK(seen == records);
  } else {
    for (uint32_t i = 0; i < records; ++i)
      expected.append(i % 29, static_cast<char>('a' + i % 26));
    right = bytes == expected;
  }
  CHECK(right);
  CHECK(consumer.status() == Status::ended);
}

TEST_CASE("two threads: records arrive whole and in order, both sleeping and waking") {
  run_threads(64, Kind::records, 20'000);
  run_threads(4096, Kind::records, 50'000);
}

TEST_CASE("two threads: so do bytes") {
  run_threads(8, Kind::bytes, 3'000);
  run_threads(1024, Kind::bytes, 50'000);
}

}  // namespace
}  // namespace catzilla::ring
