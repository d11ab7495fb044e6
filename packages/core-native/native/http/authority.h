#pragma once

#include <cstdint>
#include <string_view>

namespace catzilla::http {

enum class Port : uint8_t { optional, required };

// RFC 3986 §3.2: `host [":" port]`, the host not empty, no userinfo, a port of 0 to 65535 (an empty
// one is allowed where the port is optional). The host is a registered name, an IPv4 address or an
// IPv6 literal; IPvFuture and zone ids, which nobody sends, are refused.
bool is_authority(std::string_view text, Port port) noexcept;

}  // namespace catzilla::http
