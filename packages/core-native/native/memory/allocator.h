#pragma once

#include <cstddef>
#include <optional>
#include <string>

namespace catzilla::memory {

// Bytes, as jemalloc counts them for the whole process (`stats.*` of its manual).
struct AllocatorFigures {
  std::string version;
  size_t allocated = 0;  // asked for by the application
  size_t active = 0;     // in pages that hold some of those
  size_t resident = 0;   // physically mapped, its own books included
  size_t retained = 0;   // given back to the system, address space kept
};

// Of jemalloc, where it stands in for the system's allocator (LD_PRELOAD); it is found at run time,
// so nothing is linked. Empty elsewhere.
[[nodiscard]] std::optional<AllocatorFigures> jemalloc_figures();

}  // namespace catzilla::memory
