#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <string>

#include "base/slice.h"

namespace catzilla::net {

// What a socket is called on both sides of the seam: the slot of its connection.
using SocketId = uint32_t;
inline constexpr SocketId kNoSocket = UINT32_MAX;

struct ListenOptions {
  std::string address;  // an IP literal; names are resolved above
  uint16_t port = 0;    // 0: any free one
  int backlog = 4096;   // the kernel takes less where its own limit is lower
  bool ipv6_only = false;
  bool reuse_port = false;  // others may too, and the kernel spreads the connections over all
  int shared_fd = -1;       // a bound socket: listens on a duplicate of it, as others may
};

struct Address {
  std::string address;
  uint16_t port = 0;
};

// What happens on sockets, in the order in which it happens. Called on the loop, never from inside
// a Transport call, except where a method says so.
class SocketHandler {
 public:
  virtual ~SocketHandler() = default;

  // A peer has connected. Gives the id for its socket, or kNoSocket to turn it away.
  virtual SocketId on_connect() = 0;
  // `bytes` hold during the call.
  virtual void on_data(SocketId id, Slice bytes) = 0;
  // The peer has finished sending (FIN); it may still be reading.
  virtual void on_end(SocketId id) = 0;
  // `taken` bytes of the slices given to wait_writable() are gone, none where the transport only
  // tells; the rest may be tried again.
  virtual void on_writable(SocketId id, size_t taken) = 0;
  // The peer is gone (RST, or an error that means the same). close() is still due. While reading is
  // paused, a transport that only hears of it by reading tells it later, or when it writes.
  virtual void on_lost(SocketId id) = 0;
  // close() is through: the id is free, and memory given to wait_writable() is no longer read.
  virtual void on_closed(SocketId id) = 0;
  // All that this wake of the loop brought has been told.
  virtual void on_wake() = 0;
  // A timer tick, while ticks are wanted.
  virtual void on_tick() = 0;
};

enum class WriteError : uint8_t { none, lost };

struct WriteResult {
  size_t taken = 0;
  WriteError error = WriteError::none;
};

enum class FileError : uint8_t {
  none,
  lost,        // the peer
  unreadable,  // the file: shorter than asked for, or broken
};

struct FileResult {
  size_t taken = 0;
  FileError error = FileError::none;
};

// Sockets of one loop: the narrow waist between the engine and an operating system's way of
// waiting. The portable backend is uv_transport, the one of Linux epoll_transport; they pass the
// same suite. Thread: loop, all methods.
class Transport {
 public:
  virtual ~Transport() = default;

  // Once, until it succeeds. 0, or a negative errno as libuv names them.
  [[nodiscard]] virtual int listen(const ListenOptions& options) = 0;
  [[nodiscard]] virtual Address address() const = 0;
  virtual void stop_listening() = 0;

  // Hands over what the kernel takes at once. Not while a wait is under way.
  [[nodiscard]] virtual WriteResult write(SocketId id, std::span<const Slice> slices) = 0;
  // Whether wait_writable() only waits for room, and takes no slices.
  [[nodiscard]] virtual bool only_tells() const { return false; }
  // The kernel would take no more: calls on_writable() when it does. `slices` must hold until then,
  // or until on_closed().
  [[nodiscard]] virtual WriteError wait_writable(SocketId id, std::span<const Slice> slices) = 0;

  // Whether send_file() is there.
  [[nodiscard]] virtual bool sends_files() const { return false; }
  // As write(), with bytes of an open file: 0 when the kernel takes no more. Such a transport only
  // tells.
  [[nodiscard]] virtual FileResult send_file(SocketId id, int fd, uint64_t offset, size_t count) {
    return {0, FileError::unreadable};
  }

  // The peer's address; empty when the system does not know it any more.
  [[nodiscard]] virtual std::string peer(SocketId id) = 0;

  virtual void pause_reading(SocketId id) = 0;
  virtual void resume_reading(SocketId id) = 0;
  // Sends FIN; reading goes on. Only with nothing waiting.
  virtual void shutdown(SocketId id) = 0;
  // Ends the socket: with a FIN, or with a RST, so that the peer takes nothing for a clean end.
  // Once; on_closed() follows.
  virtual void close(SocketId id, bool reset) = 0;

  // on_wake() is called soon, even when nothing happens on a socket.
  virtual void wake_soon() = 0;
  // on_tick() is called every `interval_ms`; 0 stops it.
  virtual void tick_every(uint32_t interval_ms) = 0;
  // Milliseconds on a steady clock, as of this turn of the loop.
  [[nodiscard]] virtual uint64_t now_ms() const = 0;

  // Closes the listener and every handle of the loop, then calls `closed`. All sockets must have
  // been closed.
  virtual void end(std::function<void()> closed) = 0;
};

}  // namespace catzilla::net
