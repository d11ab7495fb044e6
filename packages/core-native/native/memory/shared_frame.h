#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <utility>

#include "base/slice.h"
#include "memory/external_bytes.h"

namespace catzilla::memory {

// Immutable bytes of a body, one copy for all peers that get them, in both forms of the wire:
//
//   [ size CRLF | body | CRLF ]     chunked() is all of it (RFC 9112 §7.1), body() the middle
//
// Freed with its last FrameRef. Thread: loop, so the count is a plain number.
class SharedFrame {
 public:
  // nullptr when memory is out. The parts are copied, one behind the other; not all may be empty.
  static SharedFrame* join(std::span<const Slice> parts);

  Slice body() const { return {data() + lead_, size_}; }
  Slice chunked() const { return {data(), lead_ + size_ + kEnd}; }
  uint64_t size() const { return size_; }

 private:
  friend class FrameRef;
  static constexpr size_t kEnd = 2;

  SharedFrame(uint32_t lead, uint64_t size) : lead_(lead), size_(size) {}
  const char* data() const { return reinterpret_cast<const char*>(this + 1); }
  static void free(SharedFrame* frame);

  uint32_t references_ = 0;
  uint32_t lead_;
  uint64_t size_;
};

// A share in a frame.
class FrameRef {
 public:
  FrameRef() = default;
  explicit FrameRef(SharedFrame* frame) : frame_(frame) {
    if (frame_ != nullptr) ++frame_->references_;
  }
  FrameRef(const FrameRef& other) : FrameRef(other.frame_) {}
  FrameRef(FrameRef&& other) noexcept : frame_(std::exchange(other.frame_, nullptr)) {}
  FrameRef& operator=(FrameRef other) noexcept {
    std::swap(frame_, other.frame_);
    return *this;
  }
  ~FrameRef() {
    if (frame_ != nullptr && --frame_->references_ == 0) SharedFrame::free(frame_);
  }

  explicit operator bool() const { return frame_ != nullptr; }
  const SharedFrame* operator->() const { return frame_; }
  const SharedFrame& operator*() const { return *frame_; }

 private:
  SharedFrame* frame_ = nullptr;
};

// What of a frame waits for one socket: nothing is copied.
class WaitingFrame final : public ExternalBytes {
 public:
  WaitingFrame(FrameRef frame, Slice wire) : frame_(std::move(frame)), wire_(wire) {}
  Slice bytes() override { return wire_; }

 private:
  FrameRef frame_;
  Slice wire_;
};

}  // namespace catzilla::memory
