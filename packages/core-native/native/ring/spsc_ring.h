#pragma once

#include <algorithm>
#include <bit>
#include <cstring>
#include <new>
#include <string_view>

#include "base/slice.h"
#include "ring/layout.h"

namespace catzilla::ring {

// A lock-free ring of bytes or of records, from one producer to one consumer, over memory that both
// share. The face for C++; that for JavaScript threads is @catzilla/streaming/ring, and either may
// be at either end. Threads: a Producer is used by one thread at a time, a Consumer by one at a
// time; these may be two. Owner of the memory: whoever made it, for longer than both.
//
//   data: [ … free … | head ▶ record, record, record … ◀ tail | … free … ]
//
// Invariants: positions count bytes for ever, modulo 2^32, and tail − head is from 0 to the
// capacity, so full and empty differ and no byte is wasted. Whatever the other side has written to
// the header or to a length word, nothing outside of the data is touched: what cannot be is
// Outcome::corrupt.
//
// It does not wait: a thread of JavaScript that sleeps natively could not be terminated, and a
// native wake does not reach one that sleeps in Atomics.wait(). publish(), release() and the like
// say `true` where the other side was asleep, and the caller wakes it by the means of that side:
// Atomics.notify() on the word, for JavaScript.

enum class Outcome {
  ok,
  // No room, or nothing there.
  wait,
  // The record is larger than the ring.
  too_large,
  // Behind end() or fail(): nothing more is taken.
  closed,
  wrong_kind,
  corrupt,
};

// Memory that was found to hold a ring. The capacity is that of the moment of opening: what the
// header says later is not believed.
class Memory {
 public:
  static constexpr size_t bytes_for(uint32_t capacity) { return kHeaderBytes + capacity; }
  static constexpr bool is_capacity(uint64_t capacity) {
    return capacity >= kSmallestCapacity && capacity <= kLargestCapacity &&
           std::has_single_bit(capacity);
  }

  // Lays an empty ring into `bytes_for(capacity)` bytes, aligned to 128. `false`: no such capacity.
  [[nodiscard]] static bool create(void* memory, uint32_t capacity, Kind kind) {
    if (!is_capacity(capacity)) return false;
    auto* header = new (memory) Header{};
    header->version = kVersion;
    header->kind = static_cast<uint32_t>(kind);
    header->capacity = capacity;
    header->magic = kMagic;
    return true;
  }

  // `false` where these bytes hold no ring. They need not be aligned to more than a word.
  [[nodiscard]] bool open(void* memory, size_t size) {
    if (memory == nullptr || size < bytes_for(kSmallestCapacity)) return false;
    if (reinterpret_cast<uintptr_t>(memory) % sizeof(uint32_t) != 0) return false;
    uint32_t words[4];  // magic, version, kind, capacity
    std::memcpy(words, memory, sizeof words);
    if (words[0] != kMagic || words[1] != kVersion || words[2] > 1) return false;
    if (!is_capacity(words[3]) || size < bytes_for(words[3])) return false;
    base_ = static_cast<char*>(memory);
    kind_ = static_cast<Kind>(words[2]);
    capacity_ = words[3];
    return true;
  }

  [[nodiscard]] Kind kind() const { return kind_; }
  [[nodiscard]] uint32_t capacity() const { return capacity_; }
  [[nodiscard]] uint32_t mask() const { return capacity_ - 1; }
  [[nodiscard]] char* data() const { return base_ + kHeaderBytes; }

  // By their offsets: a Header as such would ask for the alignment of its lines.
  [[nodiscard]] Word& tail() const { return word(offsetof(Header, tail)); }
  [[nodiscard]] Word& producer_state() const { return word(offsetof(Header, producer_state)); }
  [[nodiscard]] Word& consumer_sleeps() const { return word(offsetof(Header, consumer_sleeps)); }
  [[nodiscard]] Word& head() const { return word(offsetof(Header, head)); }
  [[nodiscard]] Word& consumer_state() const { return word(offsetof(Header, consumer_state)); }
  [[nodiscard]] Word& producer_sleeps() const { return word(offsetof(Header, producer_sleeps)); }
  [[nodiscard]] Word& failure_length() const { return word(offsetof(Header, failure_length)); }
  [[nodiscard]] char* failure() const { return base_ + offsetof(Header, failure); }

 private:
  [[nodiscard]] Word& word(size_t offset) const { return *reinterpret_cast<Word*>(base_ + offset); }

  char* base_ = nullptr;
  uint32_t capacity_ = 0;
  Kind kind_ = Kind::bytes;
};

// Half of what a record of 16 bytes costs is the call of memcpy, so short ones are copied in place:
// as two words that overlap in the middle.
inline void copy_bytes(char* to, const char* from, size_t count) {
  if (count >= 8 && count <= 16) {
    uint64_t front;
    uint64_t back;
    std::memcpy(&front, from, 8);
    std::memcpy(&back, from + count - 8, 8);
    std::memcpy(to, &front, 8);
    std::memcpy(to + count - 8, &back, 8);
  } else if (count > 0) {
    std::memcpy(to, from, count);
  }
}

// The writing end. What is staged is seen from publish() on; who has several records at once stages
// them and publishes once.
class Producer {
 public:
  explicit Producer(const Memory& memory) : memory_(memory) {
    tail_ = published_ = head_ = memory_.tail().load(std::memory_order_relaxed);
    closed_ = state() != ProducerState::open;
    misplaced_ = memory_.kind() == Kind::records && tail_ % kLengthBytes != 0;
  }

  // Takes as much as fits: `*taken` says how much. Outcome::wait: nothing.
  [[nodiscard]] Outcome stage(Slice bytes, uint32_t* taken) {
    *taken = 0;
    if (const Outcome outcome = expect(Kind::bytes); outcome != Outcome::ok) return outcome;
    if (free() < bytes.size() && !read_head()) return Outcome::corrupt;
    const auto count = static_cast<uint32_t>(std::min<size_t>(free(), bytes.size()));
    if (count == 0) return bytes.empty() ? Outcome::ok : Outcome::wait;
    copy_in(tail_, bytes.first(count));
    tail_ += count;
    *taken = count;
    return Outcome::ok;
  }

  [[nodiscard]] Outcome stage_record(Slice record) {
    if (const Outcome outcome = expect(Kind::records); outcome != Outcome::ok) return outcome;
    const uint64_t size = record_size(record.size());
    if (free() < size) {
      if (size > memory_.capacity()) return Outcome::too_large;
      if (!read_head()) return Outcome::corrupt;
      if (free() < size) return Outcome::wait;
    }
    const auto length = static_cast<uint32_t>(record.size());
    reinterpret_cast<Word*>(memory_.data() + (tail_ & memory_.mask()))
        ->store(length, std::memory_order_relaxed);
    copy_in(tail_ + kLengthBytes, record);
    tail_ += static_cast<uint32_t>(size);
    return Outcome::ok;
  }

  // `true`: the consumer was asleep, wake it.
  [[nodiscard]] bool publish() {
    if (tail_ == published_) return false;
    published_ = tail_;
    // Release, for the bytes: pairs with the acquire of Consumer::read_tail(). And seq_cst, as the
    // store must come before the look at consumer_sleeps: the consumer stores that, then loads
    // this.
    memory_.tail().store(tail_, std::memory_order_seq_cst);
    return wake_consumer();
  }

  [[nodiscard]] bool end() { return close(ProducerState::ended); }

  // What is beyond 124 bytes of the reason is cut off, between two characters.
  [[nodiscard]] bool fail(std::string_view reason) {
    if (closed_) return false;
    constexpr size_t kMost = sizeof(Header::failure);
    size_t length = std::min(reason.size(), kMost);
    while (length < reason.size() && length > 0 && (reason[length] & 0xc0) == 0x80)
      --length;
    if (length > 0) std::memcpy(memory_.failure(), reason.data(), length);
    memory_.failure_length().store(static_cast<uint32_t>(length), std::memory_order_relaxed);
    return close(ProducerState::failed);
  }

  // Nobody reads any more.
  [[nodiscard]] bool cancelled() const {
    return memory_.consumer_state().load(std::memory_order_seq_cst) !=
           static_cast<uint32_t>(ConsumerState::open);
  }

  // Bytes that are free now. 0 also where the header is corrupt: the next write says so.
  [[nodiscard]] uint32_t room() { return read_head() ? free() : 0; }

  // Publishes, and says that this end is about to sleep until `bytes` are free. `false`: it must
  // not, as they are, or nobody reads any more. (What publish() says comes by `*wake`.)
  [[nodiscard]] bool arm(uint32_t bytes, bool* wake) {
    *wake = publish();
    const uint32_t wanted = std::clamp(bytes, uint32_t{1}, memory_.capacity());
    if (room() >= wanted || cancelled()) return false;
    memory_.producer_sleeps().store(wanted, std::memory_order_seq_cst);
    if (room() < wanted && !cancelled()) return true;
    memory_.producer_sleeps().store(0, std::memory_order_seq_cst);
    return false;
  }

 private:
  [[nodiscard]] Outcome expect(Kind kind) const {
    if (closed_) return Outcome::closed;
    if (misplaced_) return Outcome::corrupt;
    return memory_.kind() == kind ? Outcome::ok : Outcome::wrong_kind;
  }
  [[nodiscard]] ProducerState state() const {
    return static_cast<ProducerState>(memory_.producer_state().load(std::memory_order_relaxed));
  }
  [[nodiscard]] uint32_t free() const { return memory_.capacity() - (tail_ - head_); }

  // Acquire: pairs with Consumer::release(), so that what it has read is not overwritten before.
  [[nodiscard]] bool read_head() {
    const uint32_t head = memory_.head().load(std::memory_order_seq_cst);
    if (tail_ - head > memory_.capacity()) return false;
    head_ = head;
    return true;
  }

  [[nodiscard]] bool close(ProducerState state) {
    if (closed_) return false;
    const bool wake = publish();
    closed_ = true;
    // Release: who sees the state sees the last tail, and the reason.
    memory_.producer_state().store(static_cast<uint32_t>(state), std::memory_order_seq_cst);
    return wake_consumer() || wake;
  }

  [[nodiscard]] bool wake_consumer() const {
    if (memory_.consumer_sleeps().load(std::memory_order_seq_cst) == 0) return false;
    return memory_.consumer_sleeps().exchange(0, std::memory_order_seq_cst) != 0;
  }

  void copy_in(uint32_t position, Slice bytes) const {
    const uint32_t at = position & memory_.mask();
    const size_t first = std::min<size_t>(bytes.size(), memory_.capacity() - at);
    copy_bytes(memory_.data() + at, bytes.data(), first);
    if (first < bytes.size())
      std::memcpy(memory_.data(), bytes.data() + first, bytes.size() - first);
  }

  Memory memory_;
  // The consumer's position is read again only when there seems to be no room: its line stays with
  // the consumer meanwhile.
  uint32_t tail_;
  uint32_t published_;
  uint32_t head_;
  bool closed_;
  // No record begins where the header says that the last one ended.
  bool misplaced_;
};

// What lies in the ring, in place: two pieces where it wraps. Holds until it is released.
struct Pieces {
  Slice first;
  Slice second;
  [[nodiscard]] size_t size() const { return first.size() + second.size(); }
  void copy_to(char* target) const {
    copy_bytes(target, first.data(), first.size());
    if (!second.empty()) std::memcpy(target + first.size(), second.data(), second.size());
  }
};

enum class Status { open, ended, failed, corrupt };

// The reading end. peek() and peek_record() show without taking; take() goes on behind what was
// shown, and release() gives the room back to the producer.
class Consumer {
 public:
  explicit Consumer(const Memory& memory) : memory_(memory) {
    head_ = released_ = tail_ = memory_.head().load(std::memory_order_relaxed);
  }

  // All bytes that there are. Outcome::wait: none.
  [[nodiscard]] Outcome peek(Pieces* bytes) {
    if (memory_.kind() != Kind::bytes) return Outcome::wrong_kind;
    if (!read_tail()) return Outcome::corrupt;
    if (used() == 0) return Outcome::wait;
    *bytes = pieces(head_, used());
    shown_ = used();
    return Outcome::ok;
  }

  [[nodiscard]] Outcome peek_record(Pieces* record) {
    if (memory_.kind() != Kind::records) return Outcome::wrong_kind;
    if (used() == 0 && !read_tail()) return Outcome::corrupt;
    if (used() == 0) return Outcome::wait;
    if (used() < kLengthBytes || head_ % kLengthBytes != 0) return Outcome::corrupt;
    const uint32_t length = reinterpret_cast<Word*>(memory_.data() + (head_ & memory_.mask()))
                                ->load(std::memory_order_relaxed);
    if (record_size(length) > used()) return Outcome::corrupt;
    *record = pieces(head_ + kLengthBytes, length);
    shown_ = static_cast<uint32_t>(record_size(length));
    return Outcome::ok;
  }

  // Goes on behind the record that was shown, or behind `count` of the bytes that were.
  void take() { take(shown_); }
  void take(uint32_t count) {
    count = std::min(count, shown_);
    head_ += count;
    shown_ -= count;
  }

  // `true`: the producer was asleep and has its room now, wake it.
  [[nodiscard]] bool release() {
    if (head_ == released_) return false;
    released_ = head_;
    // Release: the bytes are read. seq_cst: before the look at producer_sleeps, as in publish().
    memory_.head().store(head_, std::memory_order_seq_cst);
    uint32_t wanted = memory_.producer_sleeps().load(std::memory_order_seq_cst);
    if (wanted == 0) return false;
    if (wanted <= memory_.capacity() && read_tail() && memory_.capacity() - used() < wanted)
      return false;
    return memory_.producer_sleeps().compare_exchange_strong(wanted, 0);
  }

  // `open` as long as there is something to read, whatever the producer has said.
  [[nodiscard]] Status status() {
    const uint32_t state = memory_.producer_state().load(std::memory_order_seq_cst);
    if (state == static_cast<uint32_t>(ProducerState::open)) return Status::open;
    if (state > static_cast<uint32_t>(ProducerState::failed)) return Status::corrupt;
    // Behind the state: what was published before it is seen now.
    if (!read_tail()) return Status::corrupt;
    if (used() > 0) return Status::open;
    return state == static_cast<uint32_t>(ProducerState::ended) ? Status::ended : Status::failed;
  }

  // Behind Status::failed.
  [[nodiscard]] std::string_view failure() const {
    const uint32_t length = memory_.failure_length().load(std::memory_order_relaxed);
    return {memory_.failure(), std::min<size_t>(length, sizeof(Header::failure))};
  }

  // Nobody reads any more. `true`: the producer was asleep, wake it.
  [[nodiscard]] bool cancel() {
    memory_.consumer_state().store(static_cast<uint32_t>(ConsumerState::cancelled),
                                   std::memory_order_seq_cst);
    return memory_.producer_sleeps().exchange(0, std::memory_order_seq_cst) != 0;
  }

  // Says that this end is about to sleep until there is something to read or the producer has
  // ended. `false`: it must not, as that is so.
  [[nodiscard]] bool arm() {
    if (has_news()) return false;
    memory_.consumer_sleeps().store(1, std::memory_order_seq_cst);
    if (!has_news()) return true;
    memory_.consumer_sleeps().store(0, std::memory_order_seq_cst);
    return false;
  }

 private:
  [[nodiscard]] bool has_news() {
    return !read_tail() || used() > 0 ||
           memory_.producer_state().load(std::memory_order_seq_cst) !=
               static_cast<uint32_t>(ProducerState::open);
  }
  [[nodiscard]] uint32_t used() const { return tail_ - head_; }

  // Acquire: pairs with Producer::publish().
  [[nodiscard]] bool read_tail() {
    const uint32_t tail = memory_.tail().load(std::memory_order_seq_cst);
    if (tail - head_ > memory_.capacity()) return false;
    tail_ = tail;
    return true;
  }

  [[nodiscard]] Pieces pieces(uint32_t position, uint32_t length) const {
    const uint32_t at = position & memory_.mask();
    const uint32_t first = std::min(length, memory_.capacity() - at);
    return {{memory_.data() + at, first}, {memory_.data(), length - first}};
  }

  Memory memory_;
  uint32_t head_;
  uint32_t released_;
  uint32_t tail_;
  uint32_t shown_ = 0;
};

}  // namespace catzilla::ring
