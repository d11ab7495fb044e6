#pragma once

#include "base/slice.h"

namespace catzilla::memory {

// Bytes that live outside the core (a JavaScript buffer) and are kept alive by this object.
// Destroying it lets them go. Thread: loop.
class ExternalBytes {
 public:
  virtual ~ExternalBytes() = default;

  // Asked again before each use: the owner may have taken the bytes away since (a transferred
  // ArrayBuffer), and then the slice is shorter than it was.
  virtual Slice bytes() = 0;
};

}  // namespace catzilla::memory
