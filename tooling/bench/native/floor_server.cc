// floor-server: the bytes that the contestants send, with as little work as one epoll thread can.
//
// Listens on a free port of 127.0.0.1 and prints `listening on 127.0.0.1:PORT`.
//
// What it leaves out is the point: no header parsing beyond the path, no routing, no timeouts, no
// scripts. It is the price of the kernel; what a contestant costs above it is the contestant's own.

#include <poll.h>
#include <sys/epoll.h>

#include <cstdlib>
#include <memory>
#include <string>
#include <vector>

#include "clock.h"
#include "floor_bodies.h"
#include "socket.h"

namespace bench {

constexpr std::string_view kHello =
    BENCH_HEAD("text/plain; charset=utf-8", "Content-Length: 13") "Hello, World!";
constexpr std::string_view kFirstByte = BENCH_HEAD(
    "text/plain; charset=utf-8", "Transfer-Encoding: chunked") "6\r\nfirst\n\r\n0\r\n\r\n";
constexpr std::string_view kEventStream =
    BENCH_HEAD("text/event-stream", "Transfer-Encoding: chunked") "d\r\nretry: 2000\n\n\r\n";
constexpr std::string_view kHeartbeat = "3\r\n:\n\n\r\n";
constexpr std::string_view kSubscribed =
    BENCH_HEAD("text/event-stream", "Transfer-Encoding: chunked");
constexpr std::string_view kPublished = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";
constexpr std::string_view kNotFound = "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n";

// As many as a server has that sends each buffer when it comes, or (with BATCHED=1) waits for more.
const size_t kBuffersPerCall = std::getenv("BATCHED") == nullptr ? 1 : 8;

// Whether the events that are published within a turn leave for each subscriber in one send, and
// not in one for each event.
const bool kJoinsEvents = std::getenv("JOINED") != nullptr;

constexpr uint64_t kHeartbeatNs = 2'000'000'000;

struct Connection {
  Fd socket;
  bool waits_for_room = false;         // EPOLLOUT is armed
  bool listens = false;                // to an idle event stream
  bool subscribes = false;             // to what is published
  std::unique_ptr<std::string> input;  // an incomplete request
  std::unique_ptr<Body> body;          // the stream being sent, if any
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
      int ready = epoll_wait(epoll_.get(), events, 256, next_beat_ == 0 ? -1 : 100);
      if (next_beat_ != 0 && now_ns() >= next_beat_) beat();
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
    if (events & EPOLLOUT && !send_body(connection)) return false;
    if (!(events & (EPOLLIN | EPOLLHUP | EPOLLERR))) return true;
    ssize_t size = recv(connection.socket.get(), buffer_, sizeof buffer_, 0);
    if (size < 0) return errno == EAGAIN;
    if (size == 0) return false;
    std::string_view input(buffer_, static_cast<size_t>(size));
    if (connection.input) input = connection.input->append(input);
    size_t used = 0;
    for (size_t end; (end = input.find("\r\n\r\n", used)) != std::string_view::npos;
         used = end + 4) {
      if (!answer(connection, input.substr(used, end - used))) return false;
    }
    std::string_view rest = input.substr(used);
    connection.input = rest.empty() ? nullptr : std::make_unique<std::string>(rest);
    return true;
  }

  bool answer(Connection& connection, std::string_view request) {
    if (request.starts_with("GET /hello ") || request.starts_with("GET /hello/World "))
      return send_all(connection, kHello);
    if (request.starts_with("GET /first-byte ")) return send_all(connection, kFirstByte);
    if (request.starts_with("GET /idle ")) {
      connection.listens = true;
      if (next_beat_ == 0) next_beat_ = now_ns() + kHeartbeatNs;
      return send_all(connection, kEventStream);
    }
    if (request.starts_with("GET /subscribe ")) {
      connection.subscribes = true;
      return send_all(connection, kSubscribed);
    }
    if (request.starts_with("GET /publish/")) {
      publish(request);
      return send_all(connection, kPublished);
    }
    // Clients here wait for the end of a stream before they ask for more.
    if (connection.body) return false;
    connection.body = body_of(request);
    return connection.body ? send_body(connection) : send_all(connection, kNotFound);
  }

  static std::unique_ptr<Body> body_of(std::string_view request) {
    if (request.starts_with("GET /items")) return std::make_unique<Items>();  // and its variants
    if (request.starts_with("GET /buffers ")) return std::make_unique<Buffers>(kBuffersPerCall);
    if (request.starts_with("GET /endless ")) return std::make_unique<Endless>();
    if (request.starts_with("GET /file ")) return std::make_unique<File>(std::getenv("FILE"));
    return nullptr;
  }

  void beat() {
    for (Connection& connection : connections_) {
      if (connection.listens && !send_all(connection, kHeartbeat)) connection = Connection();
    }
    next_beat_ += kHeartbeatNs;
  }

  // `GET /publish/burst/FIRST/COUNT` and `GET /publish/turns/FIRST/COUNT`
  void publish(std::string_view request) {
    unsigned first = 0;
    unsigned count = 0;
    std::sscanf(std::string(request).c_str(), "GET /publish/%*[a-z]/%u/%u ", &first, &count);
    bool joins = kJoinsEvents && request.starts_with("GET /publish/burst/");
    for (unsigned i = 0; i < count;) {
      std::string payload;
      do {
        payload += event(first + i);
      } while (++i < count && joins);
      char size[16];
      std::snprintf(size, sizeof size, "%zx\r\n", payload.size());
      std::string chunk = size + payload + "\r\n";
      for (Connection& connection : connections_) {
        if (connection.subscribes && !send_whole(connection.socket.get(), chunk))
          connection = Connection();
      }
    }
  }

  // As in content.mjs.
  static std::string event(unsigned sequence) {
    char text[64];
    std::snprintf(text, sizeof text, "id: %08u\ndata: {\"name\":\"Mimi\",\"lives\":9}\n\n",
                  sequence);
    return text;
  }

  // Waits where a subscriber is behind, which is seldom: events are small.
  static bool send_whole(int fd, std::string_view bytes) {
    while (!bytes.empty()) {
      ssize_t sent = send(fd, bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (sent < 0 && errno != EAGAIN) return false;
      if (sent > 0) bytes.remove_prefix(static_cast<size_t>(sent));
      pollfd room{.fd = fd, .events = POLLOUT, .revents = 0};
      if (sent < 0) poll(&room, 1, -1);
    }
    return true;
  }

  // Small answers to clients that wait for each: they always fit into the send buffer.
  bool send_all(Connection& connection, std::string_view bytes) {
    ssize_t sent = send(connection.socket.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
    return sent == static_cast<ssize_t>(bytes.size());
  }

  bool send_body(Connection& connection) {
    if (!connection.body) return true;
    Progress progress = connection.body->send_to(connection.socket.get());
    if (progress == Progress::done) connection.body.reset();
    wait_for_room(connection, connection.body != nullptr);
    return progress != Progress::failed;
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
  uint64_t next_beat_ = 0;               // 0 until the first event stream
  char buffer_[16 * 1024];
};

}  // namespace bench

int main() {
  bench::FloorServer().run();
}
