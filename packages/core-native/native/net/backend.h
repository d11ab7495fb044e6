#pragma once

#include <memory>
#include <span>

#include "net/transport.h"

struct uv_loop_s;

namespace catzilla::net {

// A way of waiting for sockets.
struct Backend {
  const char* name;
  // `loop` and `handler` must outlive the transport. nullptr where the system refuses.
  std::unique_ptr<Transport> (*make)(uv_loop_s* loop, SocketHandler& handler);
};

// Those of this system, the best first.
std::span<const Backend> backends();

}  // namespace catzilla::net
