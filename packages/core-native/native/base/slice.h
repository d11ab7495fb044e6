#pragma once

#include <cstddef>
#include <span>
#include <string_view>

namespace catzilla {

// Bytes that somebody else owns. Whoever takes a slice says until when it must hold.
using Slice = std::span<const char>;

inline Slice slice_of(std::string_view text) {
  return {text.data(), text.size()};
}

}  // namespace catzilla
