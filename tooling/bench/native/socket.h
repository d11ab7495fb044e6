// TCP over 127.0.0.1, and nothing but 127.0.0.1.
#pragma once

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdint>
#include <cstring>
#include <string_view>
#include <utility>

#include "process.h"

namespace bench {

// Owns one descriptor.
class Fd {
 public:
  Fd() = default;
  explicit Fd(int fd) : fd_(fd) {}
  Fd(Fd&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Fd& operator=(Fd&& other) noexcept {
    std::swap(fd_, other.fd_);
    return *this;
  }
  ~Fd() {
    if (fd_ >= 0) close(fd_);
  }
  int get() const { return fd_; }

 private:
  int fd_ = -1;
};

inline sockaddr_in loopback(uint16_t port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return address;
}

// `host`: from the address 127.0.0.<host>; each has its own range of ports.
inline Fd connect_to(uint16_t port, uint8_t host = 1) {
  Fd socket_fd(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (socket_fd.get() < 0) die("cannot open a socket: %s", std::strerror(errno));
  if (host != 1) {
    int on = 1;
    setsockopt(socket_fd.get(), IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof on);
    sockaddr_in source = loopback(0);
    source.sin_addr.s_addr = htonl((INADDR_LOOPBACK & ~0xffu) | host);
    if (bind(socket_fd.get(), reinterpret_cast<sockaddr*>(&source), sizeof source) != 0)
      die("cannot use 127.0.0.%d: %s", host, std::strerror(errno));
  }
  sockaddr_in address = loopback(port);
  if (connect(socket_fd.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) {
    die("cannot connect to port %d: %s", port, std::strerror(errno));
  }
  int on = 1;
  setsockopt(socket_fd.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  // Closing by reset leaves no TIME_WAIT behind: thousands of fresh connections would otherwise use
  // up the ports.
  linger reset{.l_onoff = 1, .l_linger = 0};
  setsockopt(socket_fd.get(), SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
  return socket_fd;
}

inline void set_nonblocking(int fd) {
  fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
}

// Requests are a few hundred bytes and the send buffer is empty before each: a short send is an
// error here.
inline void send_request(int fd, std::string_view request) {
  ssize_t sent = send(fd, request.data(), request.size(), MSG_NOSIGNAL);
  if (sent < 0) die("cannot send a request: %s", std::strerror(errno));
  if (static_cast<size_t>(sent) != request.size())
    die("a request did not fit into the send buffer");
}

// As many sockets as the system lets this process have.
inline void raise_descriptor_limit() {
  rlimit limit{};
  getrlimit(RLIMIT_NOFILE, &limit);
  limit.rlim_cur = limit.rlim_max;
  setrlimit(RLIMIT_NOFILE, &limit);
}

}  // namespace bench
