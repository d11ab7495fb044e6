#include "memory/allocator.h"

#include <cstdint>

// Weak: the loader finds it where jemalloc was preloaded, and leaves it null elsewhere. (Asking
// with dlsym() would tie the addon to a newer glibc than Node needs.)
#ifdef __linux__
extern "C" int mallctl(const char* name, void* old_value, size_t* old_size, void* new_value,
                       size_t new_size) __attribute__((weak, visibility("default")));
#endif

namespace catzilla::memory {

#ifdef __linux__

namespace {

size_t read_size(const char* name) {
  size_t value = 0;
  size_t size = sizeof value;
  return mallctl(name, &value, &size, nullptr, 0) == 0 ? value : 0;
}

}  // namespace

std::optional<AllocatorFigures> jemalloc_figures() {
  if (mallctl == nullptr) return std::nullopt;

  const char* version = nullptr;
  size_t size = sizeof version;
  if (mallctl("version", &version, &size, nullptr, 0) != 0 || version == nullptr)
    return std::nullopt;

  // Without a new epoch the figures are those of the last one.
  uint64_t epoch = 1;
  mallctl("epoch", nullptr, nullptr, &epoch, sizeof epoch);
  return AllocatorFigures{
      .version = version,
      .allocated = read_size("stats.allocated"),
      .active = read_size("stats.active"),
      .resident = read_size("stats.resident"),
      .retained = read_size("stats.retained"),
  };
}

#else

std::optional<AllocatorFigures> jemalloc_figures() {
  return std::nullopt;
}

#endif

}  // namespace catzilla::memory
