// A ring whose shared memory is not to be trusted: the input is the header, then steps of both ends
// with writes of somebody else in between. Nothing outside of the memory is touched (it has exactly
// the size that is told), every call comes to an outcome, and as long as nobody else has written,
// what comes out is what went in.

#include <cstdlib>
#include <cstring>
#include <deque>
#include <memory>
#include <string>

#include "fuzz/fuzz.h"
#include "ring/spsc_ring.h"

namespace {

using namespace catzilla::ring;
using catzilla::Slice;

struct Free {
  void operator()(void* memory) const { std::free(memory); }
};

class Input {
 public:
  Input(const uint8_t* data, size_t size) : data_(data), size_(size) {}
  bool empty() const { return at_ == size_; }
  uint8_t byte() { return empty() ? 0 : data_[at_++]; }
  uint32_t word() {
    uint32_t value = 0;
    for (int i = 0; i < 4; ++i)
      value = value << 8 | byte();
    return value;
  }

 private:
  const uint8_t* data_;
  size_t size_;
  size_t at_ = 0;
};

// The words that the ends share, and the first of the data, where a length may stand.
constexpr size_t kShared[] = {128, 132, 136, 256, 260, 264, 384, 512, 516, 520};

struct Play {
  Play(Input& input, const Memory& memory, char* bytes, size_t size)
      : input(input),
        bytes(bytes),
        size(size),
        producer(memory),
        consumer(memory),
        kind(memory.kind()) {}

  void run() {
    while (!input.empty())
      step();
  }

  void step() {
    const uint8_t choice = input.byte();
    Pieces pieces;
    bool wake = false;
    switch (choice % 12) {
      case 0:
      case 1: {
        const std::string record(input.byte(), static_cast<char>(choice));
        if (producer.stage_record({record.data(), record.size()}) == Outcome::ok)
          records.push_back(record);
        break;
      }
      case 2: {
        const std::string text(input.byte(), static_cast<char>(choice));
        uint32_t taken = 0;
        (void)producer.stage({text.data(), text.size()}, &taken);
        FUZZ_CHECK(taken <= text.size());
        stream.append(text, 0, taken);
        break;
      }
      case 3:
        (void)producer.publish();
        break;
      case 4:
        if (consumer.peek_record(&pieces) == Outcome::ok) taken(pieces);
        break;
      case 5:
        if (consumer.peek(&pieces) == Outcome::ok) {
          const std::string text = text_of(pieces);
          if (trusted) FUZZ_CHECK(stream.compare(0, text.size(), text) == 0);
          const uint32_t count = input.byte();
          consumer.take(count);
          if (trusted) stream.erase(0, std::min<size_t>(count, text.size()));
        }
        break;
      case 6:
        (void)consumer.release();
        break;
      case 7:
        (void)producer.arm(input.word(), &wake);
        (void)consumer.arm();
        break;
      case 8:
        (void)consumer.status();
        (void)std::string(consumer.failure());
        break;
      case 9:
        if (choice > 200) (void)producer.end();
        if (choice > 240) (void)producer.fail("a reason");
        if (choice < 20) (void)consumer.cancel();
        break;
      case 10:
      case 11: {
        const size_t at = kShared[input.byte() % std::size(kShared)];
        const uint32_t value = choice % 2 == 0 ? input.word() : input.byte();
        if (at + 4 <= size) std::memcpy(bytes + at, &value, sizeof value);
        trusted = false;
        break;
      }
    }
  }

  void taken(const Pieces& pieces) {
    const std::string text = text_of(pieces);
    if (trusted) {
      FUZZ_CHECK(!records.empty() && records.front() == text);
      records.pop_front();
    }
    consumer.take();
  }

  static std::string text_of(const Pieces& pieces) {
    std::string text(pieces.size(), '\0');
    pieces.copy_to(text.data());
    return text;
  }

  Input& input;
  char* bytes;
  size_t size;
  Producer producer;
  Consumer consumer;
  Kind kind;
  std::deque<std::string> records;
  std::string stream;
  bool trusted = true;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t length) {
  Input input(data, length);
  const uint8_t how = input.byte();
  const uint32_t capacity = 8u << (how % 6);
  const size_t size = Memory::bytes_for(capacity);
  const std::unique_ptr<void, Free> bytes(std::malloc(size));
  alignas(128) char laid[Memory::bytes_for(256)];
  FUZZ_CHECK(Memory::create(laid, capacity, how & 0x80 ? Kind::records : Kind::bytes));
  std::memcpy(bytes.get(), laid, size);
  bool whole = true;
  if (how & 0x40) {
    // A header of somebody else's.
    for (size_t at = 0; at < 16; at += 4) {
      if (input.byte() % 4 != 0) continue;
      const uint32_t value = input.word();
      std::memcpy(static_cast<char*>(bytes.get()) + at, &value, sizeof value);
    }
    for (const size_t at : {128, 256}) {
      const uint32_t value = input.word();
      std::memcpy(static_cast<char*>(bytes.get()) + at, &value, sizeof value);
    }
    whole = false;
  }
  Memory memory;
  if (!memory.open(bytes.get(), size)) return 0;
  FUZZ_CHECK(memory.capacity() <= capacity);
  Play play(input, memory, static_cast<char*>(bytes.get()), size);
  play.trusted = whole;
  play.run();
  return 0;
}
