// The ring's C++ face against memcpy, in memory: nanoseconds per 16-byte record and GB/s at 64 KiB,
// on one thread and from one to another, each on a core of its own.
//
//   ring-bench [--seconds S]      one JSON line
//
// The measurements take turns for S seconds (default 1); the best round of each counts, as the
// others were disturbed.

#include <pthread.h>
#include <sched.h>

#include <algorithm>
#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <thread>
#include <vector>

#include "clock.h"
#include "command_line.h"
#include "ring/spsc_ring.h"

namespace {

using namespace catzilla::ring;
using bench::now_ns;
using catzilla::Slice;

// On one thread, a ring that stays in the cache; across threads, one that keeps both busy.
constexpr uint32_t kSameCapacity = 1 << 18;
constexpr uint32_t kTwoCapacity = 1 << 20;
constexpr size_t kBlock = 64 * 1024;
// Records that are published, and released, together.
constexpr uint32_t kBatch = 64;

struct Free {
  void operator()(void* memory) const { std::free(memory); }
};
using Bytes = std::unique_ptr<char, Free>;

Bytes allocate(size_t size) {
  Bytes bytes(static_cast<char*>(std::aligned_alloc(128, (size + 127) / 128 * 128)));
  std::memset(bytes.get(), 1, size);
  return bytes;
}

std::vector<int> allowed_cores() {
  cpu_set_t set;
  std::vector<int> cores;
  if (sched_getaffinity(0, sizeof set, &set) == 0)
    for (int core = 0; core < CPU_SETSIZE; ++core)
      if (CPU_ISSET(core, &set)) cores.push_back(core);
  return cores;
}

void pin(int core) {
  cpu_set_t set;
  CPU_ZERO(&set);
  CPU_SET(core, &set);
  pthread_setaffinity_np(pthread_self(), sizeof set, &set);
}

struct Ring {
  Ring(uint32_t capacity, Kind kind) : bytes(allocate(Memory::bytes_for(capacity))) {
    if (!Memory::create(bytes.get(), capacity, kind) ||
        !memory.open(bytes.get(), Memory::bytes_for(capacity)))
      std::abort();
  }
  Bytes bytes;
  Memory memory;
};

// Both sides spin here, which no user of the ring should: what is measured is the ring, and not how
// long the system takes to wake a thread. Not for ever, as on a busy machine the other one may not
// be running.
class Patience {
 public:
  void pause() {
    if (++turns_ % 256 == 0) sched_yield();
#if defined(__x86_64__)
    __builtin_ia32_pause();
#endif
  }

 private:
  uint32_t turns_ = 0;
};

void produce_records(Producer& producer, uint32_t count) {
  Patience patience;
  const char record[16] = "fifteen letters";
  for (uint32_t i = 0; i < count;) {
    if (producer.stage_record({record, sizeof record}) == Outcome::ok) {
      if (++i % kBatch == 0) (void)producer.publish();
    } else {
      (void)producer.publish();
      patience.pause();
    }
  }
  (void)producer.publish();
}

// Copies each record out, as a user would who goes on with it.
void consume_records(Consumer& consumer, uint32_t count) {
  Patience patience;
  char record[16];
  Pieces pieces;
  for (uint32_t i = 0; i < count;) {
    if (consumer.peek_record(&pieces) == Outcome::ok) {
      pieces.copy_to(record);
      asm volatile("" : : "m"(record));  // It is wanted.
      consumer.take();
      if (++i % kBatch == 0) (void)consumer.release();
    } else {
      (void)consumer.release();
      patience.pause();
    }
  }
  (void)consumer.release();
}

void produce_blocks(Producer& producer, const char* block, uint32_t count) {
  Patience patience;
  for (uint32_t i = 0; i < count; ++i) {
    Slice rest{block, kBlock};
    while (!rest.empty()) {
      uint32_t taken = 0;
      if (producer.stage(rest, &taken) != Outcome::ok) patience.pause();
      (void)producer.publish();
      rest = rest.subspan(taken);
    }
  }
}

void consume_blocks(Consumer& consumer, char* target, uint32_t count) {
  Patience patience;
  Pieces pieces;
  for (uint64_t left = uint64_t{count} * kBlock; left > 0;) {
    if (consumer.peek(&pieces) != Outcome::ok) {
      patience.pause();
      continue;
    }
    // At most a block at a time, as its target holds no more.
    Pieces block = pieces;
    if (block.first.size() > kBlock) block = {block.first.first(kBlock), {}};
    block.second = block.second.first(std::min(block.second.size(), kBlock - block.first.size()));
    block.copy_to(target);
    asm volatile("" : : "r"(target) : "memory");
    consumer.take(static_cast<uint32_t>(block.size()));
    (void)consumer.release();
    left -= block.size();
  }
}

// Less than a millisecond each, so that some rounds are not disturbed.
constexpr uint32_t kRecords = 128'000;
constexpr uint32_t kBlocks = 64;

template <typename Run>
double seconds(Run run) {
  const uint64_t start = now_ns();
  run();
  return static_cast<double>(now_ns() - start) / 1e9;
}

double same_thread_records() {
  Ring ring(kSameCapacity, Kind::records);
  Producer producer(ring.memory);
  Consumer consumer(ring.memory);
  return seconds([&] {
    for (uint32_t i = 0; i < kRecords; i += kBatch) {
      produce_records(producer, kBatch);
      consume_records(consumer, kBatch);
    }
  });
}

double same_thread_blocks() {
  Ring ring(kSameCapacity, Kind::bytes);
  Producer producer(ring.memory);
  Consumer consumer(ring.memory);
  const Bytes source = allocate(kBlock);
  const Bytes target = allocate(kBlock);
  return seconds([&] {
    for (uint32_t i = 0; i < kBlocks; ++i) {
      produce_blocks(producer, source.get(), 1);
      consume_blocks(consumer, target.get(), 1);
    }
  });
}

template <typename Produce, typename Consume>
double two_threads(Kind kind, const std::vector<int>& cores, Produce produce, Consume consume) {
  Ring ring(kTwoCapacity, kind);
  std::atomic<bool> ready = false;
  std::atomic<bool> go = false;
  std::thread producing([&] {
    pin(cores[1]);
    Producer producer(ring.memory);
    ready = true;
    Patience patience;
    while (!go)
      patience.pause();
    produce(producer);
  });
  while (!ready)
    sched_yield();
  Consumer consumer(ring.memory);
  const double time = seconds([&] {
    go = true;
    consume(consumer);
  });
  producing.join();
  return time;
}

// A copy in and a copy out, which is what a ring cannot do without.
double memcpy_blocks() {
  const Bytes source = allocate(kBlock);
  const Bytes target = allocate(kBlock);
  return seconds([&] {
    for (uint32_t i = 0; i < kBlocks; ++i) {
      std::memcpy(target.get(), source.get(), kBlock);
      asm volatile("" : : "r"(target.get()), "r"(source.get()) : "memory");
    }
  });
}

}  // namespace

int main(int count, char** arguments) {
  const bench::CommandLine line(count, arguments, {"--seconds"}, {});
  const std::vector<int> cores = allowed_cores();
  if (cores.size() < 2) bench::die("two cores are needed");
  pin(cores[0]);
  double best[5] = {1e9, 1e9, 1e9, 1e9, 1e9};
  const uint64_t deadline =
      now_ns() + (line.has("--seconds") ? line.nanoseconds("--seconds") : 1'000'000'000);
  do {
    const double times[] = {
        same_thread_records(),
        two_threads(
            Kind::records, cores, [](Producer& p) { produce_records(p, kRecords); },
            [](Consumer& c) { consume_records(c, kRecords); }),
        same_thread_blocks(),
        [&] {
          const Bytes source = allocate(kBlock);
          const Bytes target = allocate(kBlock);
          return two_threads(
              Kind::bytes, cores, [&](Producer& p) { produce_blocks(p, source.get(), kBlocks); },
              [&](Consumer& c) { consume_blocks(c, target.get(), kBlocks); });
        }(),
        memcpy_blocks(),
    };
    for (size_t i = 0; i < 5; ++i)
      best[i] = std::min(best[i], times[i]);
  } while (now_ns() < deadline);
  const double gigabytes = static_cast<double>(kBlocks) * kBlock / 1e9;
  std::printf(
      "{\"same16Ns\":%.2f,\"two16Ns\":%.2f,\"same64GBs\":%.2f,\"two64GBs\":%.2f,\"memcpyGBs\":%.2f}"
      "\n",
      best[0] * 1e9 / kRecords, best[1] * 1e9 / kRecords, gigabytes / best[2], gigabytes / best[3],
      gigabytes / best[4]);
}
