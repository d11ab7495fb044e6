#pragma once

#include <cstdint>

namespace catzilla::http {

// What one request may cost before its handler is asked. Bytes and counts.
struct Limits {
  uint32_t max_target_bytes = 8 * 1024;  // a longer request target: 414
  uint32_t max_head_bytes = 16 * 1024;   // request line and fields, all CRLFs included: 431
  uint32_t max_fields = 100;             // 431
};

// Not options: no honest peer comes near them.
inline constexpr uint32_t kMaxMethodBytes = 32;

// Lengths travel to JavaScript as numbers, so the largest one is Number.MAX_SAFE_INTEGER.
inline constexpr uint64_t kMaxBodyBytes = (uint64_t{1} << 53) - 1;
inline constexpr uint32_t kMaxChunkSizeDigits = 16;

// Over a whole body, not per chunk: a limit per chunk is none for a peer that sends many
// (CVE-2024-22019).
inline constexpr uint32_t kMaxChunkExtensionBytes = 4 * 1024;
inline constexpr uint32_t kMaxTrailerBytes = 4 * 1024;

// What a body may spend on framing (sizes, extensions, CRLFs, trailers): so much for nothing, and
// so much per byte of payload. Chunks of one byte spend 5, so that such a body ends after 64 Ki of
// them; chunks of two bytes never do.
inline constexpr uint32_t kFreeChunkOverheadBytes = 64 * 1024;
inline constexpr uint32_t kChunkOverheadPerPayloadByte = 4;

}  // namespace catzilla::http
