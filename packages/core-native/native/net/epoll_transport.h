#pragma once

#include <memory>

#include "net/transport.h"

struct uv_loop_s;

namespace catzilla::net {

// The Linux backend: sockets in an epoll set of their own, which the loop watches as one
// descriptor. Against uv_tcp_t it saves 250 bytes and an epoll_ctl call a connection. `loop` and
// `handler` must outlive it.
//
// nullptr where the system gives no epoll set.
std::unique_ptr<Transport> make_epoll_transport(uv_loop_s* loop, SocketHandler& handler);

}  // namespace catzilla::net
