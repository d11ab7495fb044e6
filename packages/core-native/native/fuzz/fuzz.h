#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <numeric>
#include <string_view>
#include <vector>

// What must hold for every input. libFuzzer keeps the input that broke it.
#define FUZZ_CHECK(condition)                                                        \
  do {                                                                               \
    if (!(condition)) {                                                              \
      std::fprintf(stderr, "%s:%d: not true: %s\n", __FILE__, __LINE__, #condition); \
      std::abort();                                                                  \
    }                                                                                \
  } while (false)

namespace catzilla::fuzz {

// Choices made from the input itself (FNV-1a), so that each input fails again in the same way, and
// a seed can be a plain request.
inline uint64_t hash(std::string_view input) {
  uint64_t value = 0xcbf29ce484222325;
  for (const char c : input)
    value = (value ^ static_cast<uint8_t>(c)) * 0x100000001b3;
  return value;
}

// Ways to cut an input: everywhere, and at up to four places.
inline std::vector<std::vector<size_t>> ways_to_cut(std::string_view input) {
  constexpr size_t kShort = 600;
  std::vector<std::vector<size_t>> ways;
  if (input.size() <= kShort) {
    std::vector<size_t> everywhere(input.size());
    std::iota(everywhere.begin(), everywhere.end(), size_t{0});
    ways.push_back(std::move(everywhere));
  }
  uint64_t random = hash(input);
  std::vector<size_t> some(random % 4 + 1);
  for (size_t& place : some) {
    random = random * 6364136223846793005 + 1442695040888963407;
    place = static_cast<size_t>((random >> 32) % (input.size() + 1));
  }
  std::sort(some.begin(), some.end());
  ways.push_back(std::move(some));
  return ways;
}

}  // namespace catzilla::fuzz
