#include "net/uv_transport.h"

#include <uv.h>

#ifndef _WIN32
#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>
#endif

#include <algorithm>
#include <array>
#include <cerrno>
#include <utility>
#include <vector>

#include "net/socket_address.h"
#include "net/socket_options.h"

namespace catzilla::net {

namespace {

constexpr size_t kReadBufferBytes = 64 * 1024;
constexpr size_t kMaxSlices = 8;

// A length that every system's buffers can hold; Windows counts in 32 bits.
constexpr size_t kMaxBufferBytes = size_t{1} << 30;

class UvTransport;

struct Socket {
  uv_tcp_t tcp;
  uv_write_t write;
  size_t waiting_bytes;
  SocketId id;
  bool reading;
};

// Libuv calls back with a handle; its `data` is the transport, and a socket's handle is the first
// member of its Socket.
class UvTransport final : public Transport {
 public:
  UvTransport(uv_loop_t* loop, SocketHandler& handler) : loop_(loop), handler_(handler) {
    uv_check_init(loop_, &check_);
    uv_idle_init(loop_, &idle_);
    uv_timer_init(loop_, &timer_);
    for (uv_handle_t* handle : own_handles()) {
      handle->data = this;
    }
    // Only work keeps the loop alive. The idle handle is work: it runs while something is to be
    // told.
    uv_unref(reinterpret_cast<uv_handle_t*>(&timer_));
    // Reads come in the poll phase; the check phase behind it is where all of them can be answered
    // together.
    uv_check_start(&check_, [](uv_check_t* handle) { self(handle).woken(); });
    uv_unref(reinterpret_cast<uv_handle_t*>(&check_));
  }

  ~UvTransport() override {
    for (Socket* segment : sockets_)
      delete[] segment;
  }

  int listen(const ListenOptions& options) override {
    sockaddr_storage address{};
    if (listener_ != nullptr) return UV_EALREADY;
    if (stopped_) return UV_ECANCELED;
    if (options.shared_fd < 0) {
      if (const int error = parse_address(options, address); error != 0) return error;
    }
    listener_ = new uv_tcp_t;  // it outlives this call either way, until its close callback
    // With a family it has a socket from the start, so that an option can be set before it is
    // bound.
    uv_tcp_init_ex(loop_, listener_, options.reuse_port ? address.ss_family : AF_UNSPEC);
    listener_->data = this;
    int error = options.shared_fd < 0 ? bind(options, address) : adopt(options.shared_fd);
    if (error == 0) {
      set_listener_options();
      error = uv_listen(reinterpret_cast<uv_stream_t*>(listener_), options.backlog,
                        [](uv_stream_t* server, int status) { self(server).connected(status); });
    }
    if (error != 0) close_listener();
    return error;
  }

  Address address() const override {
    return listener_ == nullptr ? Address{} : name_of(listener_, uv_tcp_getsockname);
  }

  std::string peer(SocketId id) override {
    return name_of(&at(id).tcp, uv_tcp_getpeername).address;
  }

  void stop_listening() override {
    stopped_ = true;
    if (listener_ != nullptr) close_listener();
  }

  WriteResult write(SocketId id, std::span<const Slice> slices) override {
    Buffers buffers(slices);
    const int taken = uv_try_write(stream(id), buffers.data(), buffers.count());
    if (taken >= 0) return {static_cast<size_t>(taken), WriteError::none};
    return {0, taken == UV_EAGAIN ? WriteError::none : WriteError::lost};
  }

  // Libuv tells that a socket is writable by taking the bytes: these are then on their way, in its
  // order.
  WriteError wait_writable(SocketId id, std::span<const Slice> slices) override {
    Socket& socket = at(id);
    Buffers buffers(slices);
    socket.waiting_bytes = buffers.bytes();
    const int error = uv_write(&socket.write, stream(id), buffers.data(), buffers.count(),
                               [](uv_write_t* request, int status) {
                                 Socket& done = *reinterpret_cast<Socket*>(request->handle);
                                 self(request->handle).written(done, status);
                               });
    return error == 0 ? WriteError::none : WriteError::lost;
  }

  void pause_reading(SocketId id) override {
    if (std::exchange(at(id).reading, false)) uv_read_stop(stream(id));
  }

  void resume_reading(SocketId id) override {
    if (!std::exchange(at(id).reading, true)) start_reading(at(id));
  }

  // Not uv_shutdown(): it needs a request that lives on, and with nothing waiting it does just
  // this.
  void shutdown(SocketId id) override {
    uv_os_fd_t fd;
    if (uv_fileno(reinterpret_cast<uv_handle_t*>(&at(id).tcp), &fd) != 0) return;
#ifdef _WIN32
    ::shutdown(reinterpret_cast<SOCKET>(fd), SD_SEND);
#else
    ::shutdown(fd, SHUT_WR);
#endif
  }

  void close(SocketId id, bool reset) override {
    Socket& socket = at(id);
    const auto closed = [](uv_handle_t* handle) {
      UvTransport& transport = self(handle);
      transport.handler_.on_closed(reinterpret_cast<Socket*>(handle)->id);
      transport.handle_closed();
    };
    ++closing_;
    // Refused where a shutdown is under way; then a plain close has to do.
    if (reset && uv_tcp_close_reset(&socket.tcp, closed) == 0) return;
    uv_close(reinterpret_cast<uv_handle_t*>(&socket.tcp), closed);
  }

  // An active idle handle keeps the loop from sleeping before its next check phase.
  void wake_soon() override {
    uv_idle_start(&idle_, [](uv_idle_t*) {});
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

  uint64_t now_ms() const override {
    return uv_now(loop_);
  }

  void end(std::function<void()> closed) override {
    ended_ = std::move(closed);
    stop_listening();
    for (uv_handle_t* handle : own_handles()) {
      close_handle(handle, [](uv_handle_t* each) { self(each).handle_closed(); });
    }
  }

 private:
  static constexpr uint32_t kSegmentSockets = 256;

  // Libuv's buffers are our slices under another name.
  class Buffers {
   public:
    explicit Buffers(std::span<const Slice> slices) {
      for (const Slice slice : slices) {
        if (slice.empty()) continue;
        const size_t length = std::min(slice.size(), kMaxBufferBytes);
        buffers_[count_++] =
            uv_buf_init(const_cast<char*>(slice.data()), static_cast<unsigned>(length));
        bytes_ += length;
        if (length < slice.size()) break;  // what follows must wait for the rest of it
      }
    }
    const uv_buf_t* data() const { return buffers_.data(); }
    unsigned count() const { return count_; }
    size_t bytes() const { return bytes_; }

   private:
    std::array<uv_buf_t, kMaxSlices> buffers_;
    unsigned count_ = 0;
    size_t bytes_ = 0;
  };

  static Address name_of(const uv_tcp_t* tcp, int (*ask)(const uv_tcp_t*, sockaddr*, int*)) {
    sockaddr_storage name{};
    int length = sizeof name;
    if (ask(tcp, reinterpret_cast<sockaddr*>(&name), &length) != 0) return {};
    return to_address(name);
  }

  template <typename Handle>
  static UvTransport& self(Handle* handle) {
    return *static_cast<UvTransport*>(handle->data);
  }

  std::array<uv_handle_t*, 3> own_handles() {
    return {reinterpret_cast<uv_handle_t*>(&check_), reinterpret_cast<uv_handle_t*>(&idle_),
            reinterpret_cast<uv_handle_t*>(&timer_)};
  }

  template <typename Handle>
  void close_handle(Handle* handle, uv_close_cb closed) {
    ++closing_;
    uv_close(reinterpret_cast<uv_handle_t*>(handle), closed);
  }

  // The last close callback is the last that libuv knows of us: only then may the owner be told.
  void handle_closed() {
    if (--closing_ > 0 || !ended_) return;
    const std::function<void()> ended = std::move(ended_);
    ended_ = nullptr;
    ended();  // may delete this
  }

  int bind(const ListenOptions& options, const sockaddr_storage& address) {
    if (options.reuse_port) {
#ifdef SO_REUSEPORT
      uv_os_fd_t fd;
      const int on = 1;
      uv_fileno(reinterpret_cast<uv_handle_t*>(listener_), &fd);
      ::setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof on);
#else
      return UV_ENOTSUP;
#endif
    }
    const unsigned flags = options.ipv6_only ? UV_TCP_IPV6ONLY : 0;
    return uv_tcp_bind(listener_, reinterpret_cast<const sockaddr*>(&address), flags);
  }

  int adopt([[maybe_unused]] int shared) {
#ifdef _WIN32
    return UV_ENOTSUP;
#else
    const int fd = ::fcntl(shared, F_DUPFD_CLOEXEC, 0);
    if (fd < 0) return uv_translate_sys_error(errno);
    const int error = uv_tcp_open(listener_, fd);
    if (error != 0) ::close(fd);
    return error;
#endif
  }

  void set_listener_options() {
#ifdef __linux__
    uv_os_fd_t fd;
    if (uv_fileno(reinterpret_cast<uv_handle_t*>(listener_), &fd) == 0) set_inherited_options(fd);
#endif
  }

  void connected(int status) {
    if (status != 0) return;
    const SocketId id = handler_.on_connect();
    if (id == kNoSocket) return turn_away();
    if (!reserve(id)) {
      handler_.on_closed(id);
      return turn_away();
    }
    Socket& socket = at(id);
    socket.id = id;
    socket.reading = true;
    uv_tcp_init(loop_, &socket.tcp);
    socket.tcp.data = this;
    if (uv_accept(reinterpret_cast<uv_stream_t*>(listener_), stream(id)) != 0)
      return handler_.on_lost(id);
#ifndef __linux__
    uv_tcp_nodelay(&socket.tcp, 1);
#endif
    start_reading(socket);
  }

  void close_listener() {
    close_handle(std::exchange(listener_, nullptr), [](uv_handle_t* handle) {
      UvTransport& transport = self(handle);
      delete reinterpret_cast<uv_tcp_t*>(handle);
      transport.handle_closed();
    });
  }

  // Libuv accepts again only when the connection that it has was taken.
  void turn_away() {
    auto* refused = new uv_tcp_t;
    uv_tcp_init(loop_, refused);
    refused->data = this;
    uv_accept(reinterpret_cast<uv_stream_t*>(listener_), reinterpret_cast<uv_stream_t*>(refused));
    close_handle(refused, [](uv_handle_t* handle) {
      UvTransport& transport = self(handle);
      delete reinterpret_cast<uv_tcp_t*>(handle);
      transport.handle_closed();
    });
  }

  void start_reading(Socket& socket) {
    uv_read_start(
        reinterpret_cast<uv_stream_t*>(&socket.tcp),
        [](uv_handle_t* handle, size_t, uv_buf_t* buffer) {
          *buffer = uv_buf_init(self(handle).read_buffer_.data(), kReadBufferBytes);
        },
        [](uv_stream_t* handle, ssize_t count, const uv_buf_t* buffer) {
          Socket& reader = *reinterpret_cast<Socket*>(handle);
          self(handle).read(reader, count, buffer->base);
        });
  }

  void read(Socket& socket, ssize_t count, const char* bytes) {
    if (count > 0) return handler_.on_data(socket.id, {bytes, static_cast<size_t>(count)});
    if (count == 0) return;  // EAGAIN
    socket.reading = false;
    uv_read_stop(reinterpret_cast<uv_stream_t*>(&socket.tcp));
    if (count == UV_EOF && !was_reset(socket)) return handler_.on_end(socket.id);
    handler_.on_lost(socket.id);
  }

  // A RST right behind the last bytes is told as UV_EOF: libuv takes POLLHUP for an end.
  bool was_reset(Socket& socket) {
    int error = 0;
#ifndef _WIN32
    uv_os_fd_t fd;
    socklen_t length = sizeof error;
    if (uv_fileno(reinterpret_cast<uv_handle_t*>(&socket.tcp), &fd) != 0) return false;
    ::getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &length);
#endif
    return error != 0;
  }

  void written(Socket& socket, int status) {
    if (status == UV_ECANCELED) return;  // by close(): on_closed() follows
    if (status != 0) return handler_.on_lost(socket.id);
    handler_.on_writable(socket.id, std::exchange(socket.waiting_bytes, 0));
  }

  void woken() {
    uv_idle_stop(&idle_);
    handler_.on_wake();
  }

  bool reserve(SocketId id) {
    while (id / kSegmentSockets >= sockets_.size()) {
      auto* segment = new (std::nothrow) Socket[kSegmentSockets];
      if (segment == nullptr) return false;
      sockets_.push_back(segment);
    }
    return true;
  }
  Socket& at(SocketId id) {
    return sockets_[id / kSegmentSockets][id % kSegmentSockets];
  }
  uv_stream_t* stream(SocketId id) {
    return reinterpret_cast<uv_stream_t*>(&at(id).tcp);
  }

  uv_loop_t* loop_;
  SocketHandler& handler_;
  uv_tcp_t* listener_ = nullptr;
  uv_check_t check_;
  uv_idle_t idle_;
  uv_timer_t timer_;
  std::vector<Socket*> sockets_;
  uint32_t closing_ = 0;
  bool stopped_ = false;
  std::function<void()> ended_;
  std::array<char, kReadBufferBytes> read_buffer_;
};

}  // namespace

std::unique_ptr<Transport> make_uv_transport(uv_loop_s* loop, SocketHandler& handler) {
  return std::make_unique<UvTransport>(loop, handler);
}

}  // namespace catzilla::net
