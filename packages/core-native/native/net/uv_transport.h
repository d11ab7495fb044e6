#pragma once

#include <memory>

#include "net/transport.h"

struct uv_loop_s;

namespace catzilla::net {

// The portable backend: uv_tcp_t on a loop that somebody else runs (Node's own). `loop` and
// `handler` must outlive it.
std::unique_ptr<Transport> make_uv_transport(uv_loop_s* loop, SocketHandler& handler);

}  // namespace catzilla::net
