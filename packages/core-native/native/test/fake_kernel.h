#pragma once

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "net/transport.h"

// What an engine may rely on, and what a transport may rely on. Broken, the program ends at once:
// no test goes on from there.
#define CONTRACT(condition)                                                                 \
  do {                                                                                      \
    if (!(condition)) {                                                                     \
      std::fprintf(stderr, "%s:%d: contract broken: %s\n", __FILE__, __LINE__, #condition); \
      std::abort();                                                                         \
    }                                                                                       \
  } while (false)

namespace catzilla::test {

// The far end of one connection, and what the kernel in between does with its bytes.
struct Peer {
  net::SocketId id = net::kNoSocket;
  size_t room = SIZE_MAX;  // bytes that the kernel still takes
  std::string received;
  bool fin_received = false;
  bool reset_received = false;

  bool gone = false;  // the next write finds the connection reset
  std::string unread;
  bool fin_unread = false;

  // The engine's end of the socket.
  bool reading = true;
  bool closing = false;
  bool closed = false;
  bool waits = false;  // wait_writable() is under way with these slices
  std::vector<Slice> waiting;
  size_t waiting_taken = 0;

  bool ended() const { return fin_received || reset_received; }
};

// A transport whose kernel does what a test says. Time passes in turns of a loop, in the order of
// libuv: ticks, reads and writes, the wake, closed handles.
class FakeKernel final : public net::Transport {
 public:
  enum class Wakes {
    whole,  // on_writable() when the whole window is gone, as libuv tells it
    told,   // as soon as there is room, with nothing taken, as epoll tells it
  };

  explicit FakeKernel(net::SocketHandler& handler) : handler_(handler) {}
  ~FakeKernel() override;

  // ── the test's side ──

  // nullptr when the engine turns the peer away.
  Peer* connect();
  // Bytes arrive in this turn, in a block of their own (so that a read beyond it is seen), or when
  // the engine reads again.
  void send(Peer& peer, std::string_view bytes);
  void finish(Peer& peer);
  // A RST that the engine sees while it reads.
  void reset(Peer& peer);
  // A RST that it finds when it writes.
  void vanish(Peer& peer) { peer.gone = true; }
  void make_room(Peer& peer, size_t bytes);

  // Does what is to be done, for as long as something is.
  void run();
  // One turn: what became possible, then on_wake(), then closed sockets.
  bool turn();
  void advance(uint32_t ms);

  bool listening() const { return listening_; }
  bool ended() const { return ended_; }
  size_t open_sockets() const { return open_.size(); }
  uint32_t tick_ms() const { return tick_ms_; }
  size_t writes() const { return writes_; }

  Wakes wakes = Wakes::whole;
  // What descriptor `kFile` has, where the transport sends files (as that of Linux does).
  static constexpr int kFile = 7;
  std::optional<std::string> file;
  size_t file_reads = 0;

  // ── net::Transport ──

  int listen(const net::ListenOptions& options) override;
  net::Address address() const override { return {}; }
  void stop_listening() override { listening_ = false; }
  net::WriteResult write(net::SocketId id, std::span<const Slice> slices) override;
  net::WriteError wait_writable(net::SocketId id, std::span<const Slice> slices) override;
  bool only_tells() const override { return wakes == Wakes::told; }
  bool sends_files() const override { return file.has_value(); }
  net::FileResult send_file(net::SocketId id, int fd, uint64_t offset, size_t count) override;
  std::string peer(net::SocketId id) override;
  void pause_reading(net::SocketId id) override { at(id).reading = false; }
  void resume_reading(net::SocketId id) override;
  void shutdown(net::SocketId id) override;
  void close(net::SocketId id, bool reset) override;
  void wake_soon() override;
  void tick_every(uint32_t interval_ms) override;
  uint64_t now_ms() const override { return now_ms_; }
  void end(std::function<void()> closed) override;

 private:
  // An open socket of the engine; no call may name another.
  Peer& at(net::SocketId id);
  bool deliver(Peer& peer);
  bool take_waiting(Peer& peer);
  static size_t take(Peer& peer, Slice bytes);

  net::SocketHandler& handler_;
  std::deque<Peer> peers_;  // all that ever were: tests look at them afterwards
  std::vector<Peer*> open_;
  bool listening_ = true;
  bool woken_ = false;
  uint32_t tick_ms_ = 0;
  uint64_t now_ms_ = 0;
  uint64_t next_tick_ms_ = 0;
  size_t writes_ = 0;
  std::function<void()> when_closed_;
  bool ending_ = false;
  bool ended_ = false;
};

}  // namespace catzilla::test
