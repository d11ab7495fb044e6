#include "memory/allocator.h"

#include <cstdint>

#ifndef _WIN32
#include <dlfcn.h>
#endif

namespace catzilla::memory {

namespace {

using Mallctl = int (*)(const char* name, void* old_value, size_t* old_size, void* new_value,
                        size_t new_size);

Mallctl find_mallctl() {
#ifdef _WIN32
  return nullptr;
#else
  return reinterpret_cast<Mallctl>(dlsym(RTLD_DEFAULT, "mallctl"));
#endif
}

size_t read_size(Mallctl mallctl, const char* name) {
  size_t value = 0;
  size_t size = sizeof value;
  return mallctl(name, &value, &size, nullptr, 0) == 0 ? value : 0;
}

}  // namespace

std::optional<AllocatorFigures> jemalloc_figures() {
  static const Mallctl mallctl = find_mallctl();
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
      .allocated = read_size(mallctl, "stats.allocated"),
      .active = read_size(mallctl, "stats.active"),
      .resident = read_size(mallctl, "stats.resident"),
      .retained = read_size(mallctl, "stats.retained"),
  };
}

}  // namespace catzilla::memory
