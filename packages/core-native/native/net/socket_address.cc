#include "net/socket_address.h"

#include <array>

namespace catzilla::net {

int parse_address(const ListenOptions& options, sockaddr_storage& address) {
  const char* text = options.address.c_str();
  if (options.address.find(':') != std::string::npos) {
    return uv_ip6_addr(text, options.port, reinterpret_cast<sockaddr_in6*>(&address));
  }
  return uv_ip4_addr(text, options.port, reinterpret_cast<sockaddr_in*>(&address));
}

Address to_address(const sockaddr_storage& address) {
  std::array<char, INET6_ADDRSTRLEN> text{};
  uv_ip_name(reinterpret_cast<const sockaddr*>(&address), text.data(), text.size());
  // The port stands at the same place in both families.
  return {text.data(), ntohs(reinterpret_cast<const sockaddr_in&>(address).sin_port)};
}

}  // namespace catzilla::net
