#include "net/epoll_transport.h"

#include <fcntl.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>
#include <uv.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <new>
#include <utility>
#include <vector>

#include "net/socket_address.h"
#include "net/socket_options.h"

namespace catzilla::net {

namespace {

constexpr size_t kReadBufferBytes = 64 * 1024;
constexpr size_t kMaxSlices = 8;

// What one call may be given: beyond 2 GiB the kernel takes less without being full.
constexpr size_t kMaxWriteBytes = size_t{1} << 30;

// Bounds on one wake: then Node's own handles get their turn. What is left makes the set readable
// again, or is remembered.
constexpr int kRoundsPerWake = 4;
constexpr int kEventsPerRound = 1024;
constexpr int kAcceptsPerRound = 256;
constexpr int kReadsPerWake = 4;

// How long the listener rests when the system has nothing left to accept with.
constexpr uint64_t kRestMs = 100;

// Wakes in which one busy peer is read before the set is asked who else there is.
constexpr int kGuesses = 7;

// Edges. A socket asks for room from its first full buffer on, and then for good: most never do,
// and one that always has room would keep the set readable.
constexpr uint32_t kInterest = EPOLLIN | EPOLLRDHUP | EPOLLET;

constexpr uint64_t kListenerName = UINT64_MAX;
constexpr uint64_t kNobody = UINT64_MAX - 1;

struct Socket {
  int fd = -1;
  uint32_t serial = 0;    // tells this use of the id from earlier ones, whose events may still come
  bool reading = false;   // the owner wants bytes
  bool readable = false;  // there may be more to read, and no edge will tell it again
  bool ended = false;     // behind the bytes there is a FIN or an error, and its edge has come
  bool broken = false;    // it is an error
  bool full = false;      // the kernel took less than it was given: an edge tells when it has room
  bool asks_room = false;  // in the set
  bool waiting = false;    // for on_writable()
  bool queued = false;     // in ready_
};

// Events name a socket by id and serial. An id that is taken again within one batch has another
// serial, and events of the socket before it find nobody.
//
//   loop ─▶ uv_poll_t ─▶ epoll set ─▶ sockets, edge-triggered
//                                 └─▶ listener, level-triggered
//
// The poll phase tells what happened; the check phase behind it is where all of it can be answered
// together. Edges are not repeated: what was not done for an edge is remembered in `ready_`.
class EpollTransport final : public Transport {
 public:
  EpollTransport(uv_loop_t* loop, SocketHandler& handler) : loop_(loop), handler_(handler) {}

  // `false` where the system gives no set; then nothing of it is on the loop.
  bool start() {
    set_ = ::epoll_create1(EPOLL_CLOEXEC);
    if (set_ < 0 || uv_poll_init(loop_, &poll_, set_) != 0) return false;
    uv_check_init(loop_, &check_);
    uv_idle_init(loop_, &idle_);
    uv_timer_init(loop_, &timer_);
    uv_timer_init(loop_, &rest_);
    for (uv_handle_t* handle : own_handles()) {
      handle->data = this;
      uv_unref(handle);  // listener and sockets count, see keep_alive()
    }
    uv_ref(reinterpret_cast<uv_handle_t*>(&idle_));  // runs while something is to be told
    uv_poll_start(&poll_, UV_READABLE, [](uv_poll_t* handle, int, int) { self(handle).poll(); });
    uv_check_start(&check_, [](uv_check_t* handle) { self(handle).woken(); });
    spare_ = ::eventfd(0, EFD_CLOEXEC);
    return true;
  }

  ~EpollTransport() override {
    for (Socket* segment : sockets_)
      delete[] segment;
    if (spare_ >= 0) ::close(spare_);
    if (set_ >= 0) ::close(set_);
  }

  int listen(const ListenOptions& options) override {
    sockaddr_storage address{};
    if (listener_ >= 0) return UV_EALREADY;
    if (stopped_) return UV_ECANCELED;
    if (options.shared_fd < 0) {
      if (const int error = parse_address(options, address); error != 0) return error;
    }
    const bool shared = options.shared_fd >= 0;
    const int fd = shared
                       ? ::fcntl(options.shared_fd, F_DUPFD_CLOEXEC, 0)
                       : ::socket(address.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0) return uv_translate_sys_error(errno);
    if (shared) set_inherited_options(fd);
    const int error = shared ? listen_on(fd, options) : bind_and_listen(fd, address, options);
    if (error != 0) {
      ::close(fd);
      return error;
    }
    listener_ = fd;
    keep_alive();
    return 0;
  }

  Address address() const override {
    return listener_ < 0 ? Address{} : address_of(listener_, ::getsockname);
  }

  std::string peer(SocketId id) override { return address_of(at(id).fd, ::getpeername).address; }

  void stop_listening() override {
    stopped_ = true;
    if (listener_ < 0) return;
    ::close(std::exchange(listener_, -1));
    uv_timer_stop(&rest_);
    keep_alive();
  }

  WriteResult write(SocketId id, std::span<const Slice> slices) override {
    std::array<iovec, kMaxSlices> vectors;
    size_t count = 0;
    size_t bytes = 0;
    for (const Slice slice : slices) {
      if (slice.empty()) continue;
      const size_t length = std::min(slice.size(), kMaxWriteBytes - bytes);
      vectors[count++] = {const_cast<char*>(slice.data()), length};
      bytes += length;
      if (length < slice.size()) break;
    }
    Socket& socket = at(id);
    for (;;) {
      const ssize_t taken = send(socket.fd, vectors.data(), count);
      if (taken < 0 && errno == EINTR) continue;
      if (taken < 0 && errno != EAGAIN && errno != EWOULDBLOCK) return {0, WriteError::lost};
      const size_t written = taken < 0 ? 0 : static_cast<size_t>(taken);
      socket.full = written < bytes;
      return {written, WriteError::none};
    }
  }

  bool sends_files() const override { return true; }

  FileResult send_file(SocketId id, int fd, uint64_t offset, size_t count) override {
    Socket& socket = at(id);
    auto from = static_cast<off_t>(offset);
    for (;;) {
      const ssize_t taken = ::sendfile(socket.fd, fd, &from, std::min(count, kMaxWriteBytes));
      if (taken < 0 && errno == EINTR) continue;
      if (taken < 0 && errno != EAGAIN && errno != EWOULDBLOCK)
        return {0, is_of_file(errno) ? FileError::unreadable : FileError::lost};
      if (taken == 0) return {0, FileError::unreadable};
      socket.full = taken < 0;
      return {taken < 0 ? 0 : static_cast<size_t>(taken), FileError::none};
    }
  }

  bool only_tells() const override { return true; }

  WriteError wait_writable(SocketId id, std::span<const Slice>) override {
    Socket& socket = at(id);
    socket.waiting = true;
    if (!socket.full) {
      remember(id);
    } else if (!std::exchange(socket.asks_room, true)) {
      return watch(EPOLL_CTL_MOD, id, kInterest | EPOLLOUT) ? WriteError::none : WriteError::lost;
    }
    return WriteError::none;
  }

  void pause_reading(SocketId id) override { at(id).reading = false; }

  void resume_reading(SocketId id) override {
    Socket& socket = at(id);
    socket.reading = true;
    if (socket.readable) remember(id);
  }

  void shutdown(SocketId id) override { ::shutdown(at(id).fd, SHUT_WR); }

  void close(SocketId id, bool reset) override {
    Socket& socket = at(id);
    if (reset) {
      const linger none{.l_onoff = 1, .l_linger = 0};
      ::setsockopt(socket.fd, SOL_SOCKET, SO_LINGER, &none, sizeof none);
    }
    ::close(std::exchange(socket.fd, -1));  // and with that out of the set
    ++socket.serial;
    closed_.push_back(id);
    wake_soon();
  }

  // An active idle handle keeps the loop from sleeping before its next check phase.
  void wake_soon() override {
    if (!ended_) uv_idle_start(&idle_, [](uv_idle_t*) {});
  }

  void tick_every(uint32_t interval_ms) override {
    if (interval_ms == 0) {
      uv_timer_stop(&timer_);
    } else {
      uv_timer_start(
          &timer_, [](uv_timer_t* handle) { self(handle).handler_.on_tick(); }, interval_ms,
          interval_ms);
    }
  }

  uint64_t now_ms() const override { return uv_now(loop_); }

  void end(std::function<void()> closed) override {
    stop_listening();
    ended_ = std::move(closed);
    open_handles_ = own_handles().size();
    for (uv_handle_t* handle : own_handles()) {
      uv_close(handle, [](uv_handle_t* each) { self(each).handle_closed(); });
    }
  }

 private:
  static constexpr uint32_t kSegmentSockets = 1024;

  template <typename Handle>
  static EpollTransport& self(Handle* handle) {
    return *static_cast<EpollTransport*>(handle->data);
  }

  std::array<uv_handle_t*, 5> own_handles() {
    return {reinterpret_cast<uv_handle_t*>(&poll_), reinterpret_cast<uv_handle_t*>(&check_),
            reinterpret_cast<uv_handle_t*>(&idle_), reinterpret_cast<uv_handle_t*>(&timer_),
            reinterpret_cast<uv_handle_t*>(&rest_)};
  }

  // The last close callback is the last that libuv knows of us: only then may the owner be told.
  void handle_closed() {
    if (--open_handles_ > 0) return;
    tell_closed();
    const std::function<void()> ended = std::move(ended_);
    ended();  // may delete this
  }

  static Address address_of(int fd, int (*ask)(int, sockaddr*, socklen_t*)) {
    sockaddr_storage name{};
    socklen_t length = sizeof name;
    if (ask(fd, reinterpret_cast<sockaddr*>(&name), &length) != 0) return {};
    return to_address(name);
  }

  int bind_and_listen(int fd, const sockaddr_storage& address, const ListenOptions& options) {
    const bool ipv6 = address.ss_family == AF_INET6;
    const int on = 1;
    const int only = options.ipv6_only ? 1 : 0;
    ::setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (ipv6) ::setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &only, sizeof only);
    if (options.reuse_port) ::setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof on);
    set_inherited_options(fd);
    const socklen_t length = ipv6 ? sizeof(sockaddr_in6) : sizeof(sockaddr_in);
    if (::bind(fd, reinterpret_cast<const sockaddr*>(&address), length) != 0)
      return uv_translate_sys_error(errno);
    return listen_on(fd, options);
  }

  int listen_on(int fd, const ListenOptions& options) {
    const bool done = ::listen(fd, options.backlog) == 0 && watch_listener(fd);
    return done ? 0 : uv_translate_sys_error(errno);
  }

  bool watch(int operation, SocketId id, uint32_t what) {
    epoll_event event{.events = what, .data = {.u64 = name_of(id)}};
    return ::epoll_ctl(set_, operation, at(id).fd, &event) == 0;
  }

  bool watch_listener(int fd) {
    epoll_event event{.events = EPOLLIN, .data = {.u64 = kListenerName}};
    return ::epoll_ctl(set_, EPOLL_CTL_ADD, fd, &event) == 0;
  }

  // ── a wake ──

  uint64_t name_of(SocketId id) { return uint64_t{at(id).serial} << 32 | id; }
  static SocketId id_of(uint64_t name) { return static_cast<SocketId>(name); }

  void poll() {
    if (guessed()) return;
    for (int round = 0; round < kRoundsPerWake; ++round) {
      const int count = ::epoll_wait(set_, events_.data(), kEventsPerRound, 0);
      if (round == 0) {
        const uint64_t only = count == 1 ? events_[0].data.u64 : kNobody;
        guesses_ = only == last_ && only < kNobody ? kGuesses : 0;
        last_ = only;
      }
      for (int at = 0; at < count; ++at)
        tell(events_[at].data.u64, events_[at].events);
      if (count < kEventsPerRound) return;
    }
  }

  void woken() {
    uv_idle_stop(&idle_);
    go_on();
    handler_.on_wake();
    tell_closed();
  }

  void tell(uint64_t name, uint32_t what) {
    if (name == kListenerName) return accept();
    const SocketId id = id_of(name);
    if (name_of(id) != name) return;  // closed
    Socket& socket = at(id);
    if ((what & (EPOLLRDHUP | EPOLLHUP | EPOLLERR)) != 0) socket.ended = true;
    if ((what & EPOLLERR) != 0) socket.broken = true;
    if ((what & (EPOLLIN | EPOLLRDHUP | EPOLLHUP | EPOLLERR)) != 0) {
      socket.readable = true;
      if (socket.reading || socket.broken) read(id);
    }
    if ((what & EPOLLOUT) != 0 && name_of(id) == name) writable(id);
  }

  // One peer that asks again and again, and nobody else: then its bytes are there, and the call
  // that would tell so is saved. What else may have happened keeps the set readable for the next
  // wake.
  bool guessed() {
    if (guesses_ == 0) return false;
    --guesses_;
    const SocketId id = id_of(last_);
    Socket& socket = at(id);
    if (name_of(id) != last_ || !socket.reading) return false;
    const ssize_t count = ::recv(socket.fd, read_buffer_.data(), read_buffer_.size(), 0);
    if (count == 0 || (count < 0 && (errno == EAGAIN || errno == EINTR))) return false;
    if (count < 0) {
      handler_.on_lost(id);
    } else {
      socket.readable = true;
      if (give(id, count)) read(id);
    }
    return true;
  }

  // What was remembered, once.
  void go_on() {
    going_.swap(ready_);
    for (const SocketId id : going_) {
      Socket& socket = at(id);
      socket.queued = false;
      if (socket.fd < 0) continue;
      const uint32_t serial = socket.serial;
      if (socket.reading && socket.readable) read(id);
      if (socket.serial == serial && !socket.full) writable(id);
    }
    going_.clear();
  }

  void remember(SocketId id) {
    if (std::exchange(at(id).queued, true)) return;
    ready_.push_back(id);
    wake_soon();
  }

  void writable(SocketId id) {
    Socket& socket = at(id);
    socket.full = false;
    if (std::exchange(socket.waiting, false)) handler_.on_writable(id, 0);
  }

  // Until there is nothing left, the owner has enough, or others have waited long enough.
  void read(SocketId id) {
    Socket& socket = at(id);
    for (int reads = 0; socket.reading; ++reads) {
      if (reads == kReadsPerWake) return remember(id);
      const ssize_t count = ::recv(socket.fd, read_buffer_.data(), read_buffer_.size(), 0);
      if (count <= 0) {
        if (count < 0 && errno == EINTR) continue;
        socket.readable = false;
        if (count < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) return;
        if (count == 0 && !socket.broken) {
          socket.reading = false;
          return handler_.on_end(id);
        }
        return handler_.on_lost(id);
      }
      if (!give(id, count)) return;
    }
    // Nobody reads, but a peer that is gone is gone.
    if (socket.broken) handler_.on_lost(id);
  }

  // `false` when that was all, or the socket is closed by what came from it.
  bool give(SocketId id, ssize_t count) {
    Socket& socket = at(id);
    const uint32_t serial = socket.serial;
    const auto size = static_cast<size_t>(count);
    handler_.on_data(id, {read_buffer_.data(), size});
    if (socket.serial != serial) return false;
    // A short read has emptied the socket, which saves the call that would say so. But an end that
    // was told together with these bytes has no edge of its own.
    if (size < read_buffer_.size() && !socket.ended) socket.readable = false;
    return socket.readable;
  }

  // ── connections ──

  void accept() {
    for (int accepted = 0; accepted < kAcceptsPerRound && listener_ >= 0; ++accepted) {
      const int fd = ::accept4(listener_, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
      if (fd >= 0) {
        take(fd);
        continue;
      }
      switch (errno) {
        case EAGAIN:
          return;
        case EMFILE:
        case ENFILE:
          if (!turn_away()) return;
          break;
        case ENOBUFS:
        case ENOMEM:
          return rest();
        default:  // of this connection only: it was gone before it was accepted
          break;
      }
    }
  }

  void take(int fd) {
    const SocketId id = handler_.on_connect();
    if (id == kNoSocket) {
      ::close(fd);
      return;
    }
    if (!reserve(id)) {
      ::close(fd);
      return handler_.on_closed(id);
    }
    Socket& socket = at(id);
    // An entry of ready_ may be left from the socket before: it finds this one, and nothing to do.
    socket = {.fd = fd, .serial = socket.serial, .reading = true, .queued = socket.queued};
    ++open_;
    keep_alive();
    if (!watch(EPOLL_CTL_ADD, id, kInterest)) return handler_.on_lost(id);
    // Most have asked by now, and are told with this wake.
    socket.readable = true;
    read(id);
  }

  // Out of descriptors. A listener that is left readable would make the loop spin, and its peers
  // wait: one descriptor is kept to accept and close them with. `false` when nobody waits, or
  // another thread has taken the descriptor in between.
  bool turn_away() {
    if (spare_ < 0) {
      rest();
      return false;
    }
    ::close(spare_);
    const int fd = ::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
    const bool nobody = fd < 0 && errno == EAGAIN;
    if (fd >= 0) ::close(fd);
    spare_ = ::eventfd(0, EFD_CLOEXEC);
    return !nobody;
  }

  // Looks away from the listener for a while.
  void rest() {
    ::epoll_ctl(set_, EPOLL_CTL_DEL, listener_, nullptr);
    uv_timer_start(
        &rest_, [](uv_timer_t* handle) { self(handle).rested(); }, kRestMs, 0);
  }

  void rested() {
    if (spare_ < 0) spare_ = ::eventfd(0, EFD_CLOEXEC);
    if (!watch_listener(listener_)) rest();
  }

  void tell_closed() {
    telling_.swap(closed_);
    open_ -= static_cast<uint32_t>(telling_.size());
    keep_alive();
    for (const SocketId id : telling_)
      handler_.on_closed(id);
    telling_.clear();
  }

  // As with sockets of Node's own: the process lives as long as something listens or is connected.
  void keep_alive() {
    auto* handle = reinterpret_cast<uv_handle_t*>(&poll_);
    if (listener_ >= 0 || open_ > 0) {
      uv_ref(handle);
    } else {
      uv_unref(handle);
    }
  }

  static ssize_t send(int fd, iovec* vectors, size_t count) {
    if (count == 1) return ::send(fd, vectors[0].iov_base, vectors[0].iov_len, MSG_NOSIGNAL);
    msghdr message{};
    message.msg_iov = vectors;
    message.msg_iovlen = count;
    return ::sendmsg(fd, &message, MSG_NOSIGNAL);
  }

  // sendfile() has one errno for two descriptors.
  static bool is_of_file(int error) {
    return error == EIO || error == EBADF || error == EINVAL || error == ESPIPE ||
           error == EOVERFLOW || error == EISDIR;
  }

  bool reserve(SocketId id) {
    while (id / kSegmentSockets >= sockets_.size()) {
      auto* segment = new (std::nothrow) Socket[kSegmentSockets];
      if (segment == nullptr) return false;
      sockets_.push_back(segment);
    }
    return true;
  }
  Socket& at(SocketId id) { return sockets_[id / kSegmentSockets][id % kSegmentSockets]; }

  uv_loop_t* loop_;
  SocketHandler& handler_;
  int set_ = -1;
  int listener_ = -1;
  int spare_ = -1;
  bool stopped_ = false;
  uint32_t open_ = 0;  // sockets that on_closed() was not told of
  size_t open_handles_ = 0;
  uv_poll_t poll_;
  uv_check_t check_;
  uv_idle_t idle_;
  uv_timer_t timer_;
  uv_timer_t rest_;
  uint64_t last_ = kNobody;  // who alone had an event, the last time
  int guesses_ = 0;
  std::vector<Socket*> sockets_;
  std::vector<SocketId> ready_;   // with something to do that no edge will tell
  std::vector<SocketId> closed_;  // not yet told
  std::vector<SocketId> going_;   // what of them is under way
  std::vector<SocketId> telling_;
  std::function<void()> ended_;
  std::array<epoll_event, kEventsPerRound> events_;
  std::array<char, kReadBufferBytes> read_buffer_;
};

}  // namespace

std::unique_ptr<Transport> make_epoll_transport(uv_loop_s* loop, SocketHandler& handler) {
  auto transport = std::make_unique<EpollTransport>(loop, handler);
  return transport->start() ? std::move(transport) : nullptr;
}

}  // namespace catzilla::net
