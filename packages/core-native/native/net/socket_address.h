#pragma once

#include <uv.h>

#include "net/transport.h"

namespace catzilla::net {

// 0, or UV_EINVAL for what is no IP literal.
[[nodiscard]] int parse_address(const ListenOptions& options, sockaddr_storage& address);

[[nodiscard]] Address to_address(const sockaddr_storage& address);

}  // namespace catzilla::net
