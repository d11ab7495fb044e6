#include "memory/shared_frame.h"

#include <charconv>
#include <cstdlib>
#include <cstring>
#include <new>

namespace catzilla::memory {

SharedFrame* SharedFrame::join(std::span<const Slice> parts) {
  uint64_t size = 0;
  for (const Slice part : parts)
    size += part.size();
  char lead[2 * sizeof size + kEnd];
  char* end = std::to_chars(lead, lead + 2 * sizeof size, size, 16).ptr;
  *end++ = '\r';
  *end++ = '\n';
  const auto lead_size = static_cast<uint32_t>(end - lead);

  void* memory = std::malloc(sizeof(SharedFrame) + lead_size + size + kEnd);
  if (memory == nullptr) return nullptr;
  auto* frame = new (memory) SharedFrame(lead_size, size);
  char* at = static_cast<char*>(memory) + sizeof(SharedFrame);
  std::memcpy(at, lead, lead_size);
  at += lead_size;
  for (const Slice part : parts) {
    if (!part.empty()) std::memcpy(at, part.data(), part.size());
    at += part.size();
  }
  std::memcpy(at, "\r\n", kEnd);
  return frame;
}

void SharedFrame::free(SharedFrame* frame) {
  frame->~SharedFrame();
  std::free(frame);
}

}  // namespace catzilla::memory
