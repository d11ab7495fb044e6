#pragma once

#include <bit>

#include "http/chars.h"

#if (defined(__SSE2__) || defined(_M_X64)) && !defined(CATZILLA_NO_SIMD)
#include <emmintrin.h>
#define CATZILLA_SSE2 1
#endif

// The hot loops of the parser: each returns the first character in [p, end) that is not of its
// class, or `end`. The table in chars.h defines the classes; SSE2 (which each x64 has) tests 16
// characters at a time for the same. A test compares the two over every byte value at every place.

namespace catzilla::http {

namespace detail {

template <CharClass kClass>
inline const char* scan_table(const char* p, const char* end) noexcept {
  while (p != end && is(kClass, *p))
    ++p;
  return p;
}

#ifdef CATZILLA_SSE2

// `outside(block)` has 0xff for each byte that ends the scan.
template <CharClass kClass, typename Outside>
inline const char* scan_sse2(const char* p, const char* end, Outside outside) noexcept {
  while (end - p >= 16) {
    const __m128i block = _mm_loadu_si128(reinterpret_cast<const __m128i*>(p));
    const auto stops = static_cast<unsigned>(_mm_movemask_epi8(outside(block)));
    if (stops != 0) return p + std::countr_zero(stops);
    p += 16;
  }
  return scan_table<kClass>(p, end);
}

#endif

}  // namespace detail

// Names are short: a table is as fast as SSE2 here (measured).
inline const char* scan_token(const char* p, const char* end) noexcept {
  return detail::scan_table<kTokenChar>(p, end);
}

inline const char* scan_field_value(const char* p, const char* end) noexcept {
#ifdef CATZILLA_SSE2
  return detail::scan_sse2<kFieldChar>(p, end, [](__m128i block) {
    const __m128i control = _mm_cmpeq_epi8(_mm_min_epu8(block, _mm_set1_epi8(0x1f)), block);
    const __m128i tab = _mm_cmpeq_epi8(block, _mm_set1_epi8('\t'));
    const __m128i del = _mm_cmpeq_epi8(block, _mm_set1_epi8(0x7f));
    return _mm_or_si128(_mm_andnot_si128(tab, control), del);
  });
#else
  return detail::scan_table<kFieldChar>(p, end);
#endif
}

inline const char* scan_target(const char* p, const char* end) noexcept {
#ifdef CATZILLA_SSE2
  return detail::scan_sse2<kTargetChar>(p, end, [](__m128i block) {
    // Signed, so that bytes above 0x7f are below the space too.
    const __m128i low_or_high = _mm_cmplt_epi8(block, _mm_set1_epi8(0x21));
    const __m128i hash = _mm_cmpeq_epi8(block, _mm_set1_epi8('#'));
    const __m128i del = _mm_cmpeq_epi8(block, _mm_set1_epi8(0x7f));
    return _mm_or_si128(low_or_high, _mm_or_si128(hash, del));
  });
#else
  return detail::scan_table<kTargetChar>(p, end);
#endif
}

}  // namespace catzilla::http
