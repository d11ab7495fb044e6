#pragma once

#include <memory>
#include <utility>

#include "net/transport.h"

namespace catzilla::net {

// Whether the kernel spreads connections over sockets that are bound to one address, each of
// another thread. Other systems have SO_REUSEPORT, too, but give all connections to one of them.
#ifdef __linux__
inline constexpr bool kSpreadsConnections = true;
#else
inline constexpr bool kSpreadsConnections = false;
#endif

// Whether several loops can listen on duplicates of one descriptor.
#ifdef _WIN32
inline constexpr bool kSharesListeners = false;
#else
inline constexpr bool kSharesListeners = true;
#endif

// An address that is held for the listeners of other threads: it is bound, and nobody accepts on
// it. While it is there, nobody else gets the address, also when none of those threads listens just
// now. Owner: Addon. Thread: any one; the descriptor may be duplicated by others.
class PortReservation {
 public:
  // 0, or a negative errno as libuv names them. With `options.reuse_port`, listeners with that
  // option may be bound beside it; without, they listen on duplicates of fd().
  [[nodiscard]] static int make(const ListenOptions& options,
                                std::unique_ptr<PortReservation>& reservation);
  ~PortReservation();
  PortReservation(const PortReservation&) = delete;
  PortReservation& operator=(const PortReservation&) = delete;

  int fd() const { return fd_; }
  const Address& address() const { return address_; }

 private:
  PortReservation(int fd, Address address) : fd_(fd), address_(std::move(address)) {}

  int fd_;
  Address address_;
};

}  // namespace catzilla::net
