// floor-server: the bytes that the contestants send, with as little work as one epoll thread can.
//
// Listens on a free port of 127.0.0.1 and prints `listening on 127.0.0.1:PORT`.
//
// What it leaves out is the point: no header parsing beyond the path, no routing, no timeouts, no
// scripts. It is the price of the kernel; what a contestant costs above it is the contestant's own.

#include <sys/epoll.h>

#include <charconv>
#include <memory>
#include <string>
#include <vector>

#include "socket.h"

namespace bench {

constexpr uint32_t kItems = 1'000'000;
constexpr size_t kFrameBytes = 32 * 1024;
constexpr size_t kFirstFrameBytes =
    1024;  // a stream shows something early, and a long first frame would delay it

constexpr std::string_view kHello =
    "HTTP/1.1 200 OK\r\nContent-Type: text/plain; charset=utf-8\r\nDate: Thu, 01 Jan 1970 00:00:00 "
    "GMT\r\n"
    "Content-Length: 13\r\n\r\nHello, World!";
constexpr std::string_view kStreamHead =
    "HTTP/1.1 200 OK\r\nContent-Type: text/plain; charset=utf-8\r\nDate: Thu, 01 Jan 1970 00:00:00 "
    "GMT\r\n"
    "Transfer-Encoding: chunked\r\n\r\n";
constexpr std::string_view kFirstByte =
    "HTTP/1.1 200 OK\r\nContent-Type: text/plain; charset=utf-8\r\nDate: Thu, 01 Jan 1970 00:00:00 "
    "GMT\r\n"
    "Transfer-Encoding: chunked\r\n\r\n6\r\nfirst\n\r\n0\r\n\r\n";
constexpr std::string_view kNotFound = "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n";

// The stream of `/items`: frames of about 32 KiB, one at a time, so that a slow reader costs one
// frame of memory.
class Items {
 public:
  // Bytes of the current frame that still have to be sent; empty once the stream has ended.
  std::string_view pending() {
    if (sent_ == frame_.size() && !ended_) next_frame();
    return std::string_view(frame_).substr(sent_);
  }
  void sent(size_t bytes) { sent_ += bytes; }

 private:
  void next_frame() {
    frame_.clear();
    sent_ = 0;
    bool first = item_ == 0;
    if (first) frame_ = kStreamHead;
    size_t size_at = frame_.size();
    frame_ += "00000\r\n";  // room for the chunk size; leading zeros are valid (RFC 9112 §7.1)
    size_t data_at = frame_.size();
    size_t limit = data_at + (first ? kFirstFrameBytes : kFrameBytes);
    char digits[10];
    while (item_ < kItems && frame_.size() < limit) {
      char* end = std::to_chars(digits, digits + sizeof digits, item_++).ptr;
      frame_.append("Data ", 5).append(digits, static_cast<size_t>(end - digits)).push_back('\n');
    }
    static constexpr char kHex[] = "0123456789abcdef";
    size_t size = frame_.size() - data_at;
    for (size_t i = 0; i < 5; ++i)
      frame_[size_at + i] = kHex[size >> (4 * (4 - i)) & 15];
    frame_ += "\r\n";
    if (item_ == kItems) {
      frame_ += "0\r\n\r\n";
      ended_ = true;
    }
  }

  std::string frame_;
  size_t sent_ = 0;
  uint32_t item_ = 0;
  bool ended_ = false;
};

struct Connection {
  Fd socket;
  std::string input;             // an incomplete request
  std::unique_ptr<Items> items;  // the stream being sent, if any
  bool waits_for_room = false;   // EPOLLOUT is armed
};

class FloorServer {
 public:
  FloorServer() {
    sockaddr_in address = loopback(0);
    socklen_t length = sizeof address;
    bool listens =
        bind(listener_.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) == 0 &&
        listen(listener_.get(), 1024) == 0 &&
        getsockname(listener_.get(), reinterpret_cast<sockaddr*>(&address), &length) == 0;
    if (!listens) die("cannot listen on 127.0.0.1: %s", std::strerror(errno));
    epoll_event event{.events = EPOLLIN, .data = {.fd = listener_.get()}};
    epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, listener_.get(), &event);
    std::printf("listening on 127.0.0.1:%d\n", ntohs(address.sin_port));
    std::fflush(stdout);
  }

  [[noreturn]] void run() {
    while (true) {
      epoll_event events[256];
      int ready = epoll_wait(epoll_.get(), events, 256, -1);
      for (int i = 0; i < ready; ++i) {
        int fd = events[i].data.fd;
        if (fd == listener_.get()) {
          accept_all();
        } else if (!serve(connections_[static_cast<size_t>(fd)], events[i].events)) {
          connections_[static_cast<size_t>(fd)] =
              Connection();  // closes the socket, which leaves the epoll set by that
        }
      }
    }
  }

 private:
  void accept_all() {
    int fd;
    while ((fd = accept4(listener_.get(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0) {
      int on = 1;
      setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
      if (connections_.size() <= static_cast<size_t>(fd))
        connections_.resize(static_cast<size_t>(fd) + 1);
      connections_[static_cast<size_t>(fd)].socket = Fd(fd);
      epoll_event event{.events = EPOLLIN, .data = {.fd = fd}};
      epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, fd, &event);
    }
  }

  // False when the connection is over.
  bool serve(Connection& connection, uint32_t events) {
    if (events & EPOLLOUT && !send_items(connection)) return false;
    if (!(events & (EPOLLIN | EPOLLHUP | EPOLLERR))) return true;
    ssize_t size = recv(connection.socket.get(), buffer_, sizeof buffer_, 0);
    if (size < 0) return errno == EAGAIN;
    if (size == 0) return false;
    std::string_view input(buffer_, static_cast<size_t>(size));
    if (!connection.input.empty()) input = connection.input.append(input);
    size_t used = 0;
    for (size_t end; (end = input.find("\r\n\r\n", used)) != std::string_view::npos;
         used = end + 4) {
      if (!answer(connection, input.substr(used, end - used))) return false;
    }
    connection.input = std::string(input.substr(used));
    return true;
  }

  bool answer(Connection& connection, std::string_view request) {
    if (request.starts_with("GET /hello ")) return send_all(connection, kHello);
    if (request.starts_with("GET /first-byte ")) return send_all(connection, kFirstByte);
    if (!request.starts_with("GET /items ")) return send_all(connection, kNotFound);
    if (connection.items)
      return false;  // clients here wait for the end of a stream before they ask for more
    connection.items = std::make_unique<Items>();
    return send_items(connection);
  }

  // Small answers to clients that wait for each: they always fit into the send buffer.
  bool send_all(Connection& connection, std::string_view bytes) {
    ssize_t sent = send(connection.socket.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
    return sent == static_cast<ssize_t>(bytes.size());
  }

  bool send_items(Connection& connection) {
    while (connection.items) {
      std::string_view pending = connection.items->pending();
      if (pending.empty()) {
        connection.items.reset();
        break;
      }
      ssize_t sent = send(connection.socket.get(), pending.data(), pending.size(), MSG_NOSIGNAL);
      if (sent < 0 && errno != EAGAIN) return false;
      if (sent < 0) break;
      connection.items->sent(static_cast<size_t>(sent));
    }
    wait_for_room(connection, connection.items != nullptr);
    return true;
  }

  void wait_for_room(Connection& connection, bool wanted) {
    if (connection.waits_for_room == wanted) return;
    connection.waits_for_room = wanted;
    epoll_event event{.events = wanted ? EPOLLIN | EPOLLOUT : EPOLLIN,
                      .data = {.fd = connection.socket.get()}};
    epoll_ctl(epoll_.get(), EPOLL_CTL_MOD, connection.socket.get(), &event);
  }

  Fd listener_{socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0)};
  Fd epoll_{epoll_create1(EPOLL_CLOEXEC)};
  std::vector<Connection> connections_;  // by descriptor
  char buffer_[16 * 1024];
};

}  // namespace bench

int main() {
  bench::FloorServer().run();
}
