#pragma once

#include <cstddef>
#include <cstdint>

#include "http/limits.h"

namespace catzilla::conn {

// What one peer may cost. Milliseconds; none of them cuts a response in progress.
struct Limits {
  http::Limits http;
  uint32_t head_timeout_ms =
      10'000;  // from the first byte of a head (or the connection) to its end: 408
  uint32_t keep_alive_timeout_ms = 65'000;  // idle between two requests
  uint32_t body_timeout_ms = 10'000;  // without progress, while the handler waits for the body: 408
  uint32_t write_timeout_ms = 60'000;  // a whole answer without progress
  uint32_t linger_timeout_ms = 2'000;  // for the peer's FIN, behind ours
  uint32_t max_connections = UINT32_MAX;
  // In user space, of all connections: beyond it a stream is told to wait at its first byte that
  // the kernel does not take.
  uint64_t max_buffered_bytes = uint64_t{256} << 20;
};

// Bytes that came in and nobody asked for yet; beyond it the socket is not read, and the peer feels
// it.
inline constexpr size_t kMaxHeldBytes = 64 * 1024;

// Of a request body that the handler left unread: so much is discarded for the sake of the
// connection, then it closes.
inline constexpr uint64_t kMaxDrainedBytes = 256 * 1024;

// Of a file, in one go: then others get their turn.
inline constexpr uint64_t kFileBytesPerWake = 4 << 20;

// A blocked stream is told to go on when no more than this is left in user space.
inline constexpr uint64_t kLowWaterMark = 16 * 1024;

// Above it, a buffer of the application is not copied but kept until the kernel has taken it.
inline constexpr size_t kReferenceBytes = 16 * 1024;

}  // namespace catzilla::conn
