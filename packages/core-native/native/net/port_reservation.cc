#include "net/port_reservation.h"

#include <uv.h>

#ifndef _WIN32
#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>
#endif

#include <cerrno>

#include "net/socket_address.h"

namespace catzilla::net {

#ifdef _WIN32

int PortReservation::make(const ListenOptions&, std::unique_ptr<PortReservation>&) {
  return UV_ENOTSUP;
}

PortReservation::~PortReservation() = default;

#else

namespace {

void set(int fd, int level, int option, int value) {
  ::setsockopt(fd, level, option, &value, sizeof value);
}

// SO_REUSEADDR, so that connections of an earlier server that linger do no harm; and off again, as
// it would let others take an address on which nobody listens. SO_REUSEPORT only behind the bind:
// before it, a second server would be bound beside the first instead of being refused.
int bind_and_hold(int fd, const sockaddr_storage& address, const ListenOptions& options) {
  const bool ipv6 = address.ss_family == AF_INET6;
  set(fd, SOL_SOCKET, SO_REUSEADDR, 1);
  if (ipv6) set(fd, IPPROTO_IPV6, IPV6_V6ONLY, options.ipv6_only ? 1 : 0);
  const socklen_t length = ipv6 ? sizeof(sockaddr_in6) : sizeof(sockaddr_in);
  if (::bind(fd, reinterpret_cast<const sockaddr*>(&address), length) != 0)
    return uv_translate_sys_error(errno);
  set(fd, SOL_SOCKET, SO_REUSEADDR, 0);
  if (options.reuse_port) set(fd, SOL_SOCKET, SO_REUSEPORT, 1);
  return 0;
}

}  // namespace

int PortReservation::make(const ListenOptions& options,
                          std::unique_ptr<PortReservation>& reservation) {
  sockaddr_storage address{};
  if (const int error = parse_address(options, address); error != 0) return error;
  const int fd = ::socket(address.ss_family, SOCK_STREAM, 0);
  if (fd < 0) return uv_translate_sys_error(errno);
  ::fcntl(fd, F_SETFD, FD_CLOEXEC);
  ::fcntl(fd, F_SETFL, O_NONBLOCK);  // duplicates have it, too
  reservation.reset(new PortReservation(fd, {}));
  int error = bind_and_hold(fd, address, options);
  // Where nobody is bound beside it, it listens from the start: connections wait for whoever
  // accepts.
  if (error == 0 && !options.reuse_port && ::listen(fd, options.backlog) != 0)
    error = uv_translate_sys_error(errno);
  socklen_t length = sizeof address;
  if (error == 0 && ::getsockname(fd, reinterpret_cast<sockaddr*>(&address), &length) != 0)
    error = uv_translate_sys_error(errno);
  if (error != 0) {
    reservation.reset();
    return error;
  }
  reservation->address_ = to_address(address);
  return 0;
}

PortReservation::~PortReservation() {
  ::close(fd_);
}

#endif

}  // namespace catzilla::net
