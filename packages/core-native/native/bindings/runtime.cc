// What this addon uses of the C++ runtime, so that the published binary needs no libstdc++ at all.
// The static one of a newer system would bring its exceptions, and with them symbols of that
// system's glibc; nothing here throws, so a few lines do. Sanitizers have their own `operator new`,
// and other systems a runtime that is always there.
#include <new>

#if defined(__GLIBCXX__) && !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)

#include <cstdio>
#include <cstdlib>

namespace {

[[noreturn]] void die(const char* what) {
  std::fprintf(stderr, "catzilla: %s\n", what);
  std::abort();
}

void* allocate(std::size_t size) {
  void* memory = std::malloc(size == 0 ? 1 : size);
  if (memory == nullptr) die("out of memory");
  return memory;
}

void* allocate_aligned(std::size_t size, std::align_val_t alignment) {
  void* memory = nullptr;
  if (posix_memalign(&memory, static_cast<std::size_t>(alignment), size) != 0) die("out of memory");
  return memory;
}

}  // namespace

// Hidden, as all of the addon is: Node and other addons keep theirs.
void* operator new(std::size_t size) {
  return allocate(size);
}
void* operator new[](std::size_t size) {
  return allocate(size);
}
void* operator new(std::size_t size, const std::nothrow_t&) noexcept {
  return std::malloc(size);
}
void* operator new[](std::size_t size, const std::nothrow_t&) noexcept {
  return std::malloc(size);
}
void* operator new(std::size_t size, std::align_val_t to) {
  return allocate_aligned(size, to);
}
void* operator new[](std::size_t size, std::align_val_t to) {
  return allocate_aligned(size, to);
}

void operator delete(void* memory) noexcept {
  std::free(memory);
}
void operator delete[](void* memory) noexcept {
  std::free(memory);
}
void operator delete(void* memory, std::size_t) noexcept {
  std::free(memory);
}
void operator delete[](void* memory, std::size_t) noexcept {
  std::free(memory);
}
void operator delete(void* memory, std::align_val_t) noexcept {
  std::free(memory);
}
void operator delete[](void* memory, std::align_val_t) noexcept {
  std::free(memory);
}
void operator delete(void* memory, std::size_t, std::align_val_t) noexcept {
  std::free(memory);
}
void operator delete[](void* memory, std::size_t, std::align_val_t) noexcept {
  std::free(memory);
}

extern "C" [[noreturn]] void __cxa_pure_virtual() {
  die("pure virtual call");
}

// Named by the headers of libstdc++ in the place of a throw.
namespace std {
const nothrow_t nothrow{};
[[noreturn]] void __throw_bad_alloc() {
  die("out of memory");
}
[[noreturn]] void __throw_bad_array_new_length() {
  die("bad array length");
}
[[noreturn]] void __throw_bad_function_call() {
  die("bad function call");
}
[[noreturn]] void __throw_logic_error(const char* what) {
  die(what);
}
[[noreturn]] void __throw_length_error(const char* what) {
  die(what);
}
[[noreturn]] void __throw_out_of_range(const char* what) {
  die(what);
}
[[noreturn]] void __throw_out_of_range_fmt(const char* what, ...) {
  die(what);
}
}  // namespace std

#endif
