#include "net/backend.h"

#ifdef __linux__
#include "net/epoll_transport.h"
#endif
#include "net/uv_transport.h"

namespace catzilla::net {

std::span<const Backend> backends() {
  static constexpr Backend kBackends[] = {
#ifdef __linux__
      {"epoll", make_epoll_transport},
#endif
      {"uv", make_uv_transport},
  };
  return kBackends;
}

}  // namespace catzilla::net
