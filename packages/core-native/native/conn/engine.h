#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/slab.h"
#include "base/slice.h"
#include "conn/connection.h"
#include "conn/events.h"
#include "conn/feed.h"
#include "conn/limits.h"
#include "http/head_writer.h"
#include "memory/buffer_pool.h"
#include "memory/external_bytes.h"
#include "memory/shared_frame.h"
#include "net/timer_wheel.h"
#include "net/transport.h"

namespace catzilla::conn {

// How a call on an exchange went.
enum class WriteStatus : uint8_t {
  ok,
  blocked,  // at the high-water mark, or with bytes still on their way after an end: `drained`
            // follows
  gone,     // the exchange is over, or its peer lost; nothing was taken
};

// Payload for one call. `external` keeps the bytes alive beyond the call; without it they are
// copied where they must wait.
struct Payload {
  Slice bytes;
  std::function<std::unique_ptr<memory::ExternalBytes>()> keep;
};

struct ResponseOptions {
  uint16_t status = 200;
  std::string_view fields;  // checked lines, each with its CRLF
  bool date = true;
  bool has_length = false;
  uint64_t length = 0;
  uint32_t high_water_mark = 64 * 1024;
};

struct BodyRead {
  enum class State : uint8_t {
    bytes,
    end,
    wait,       // `body_readable` follows
    cut,        // the peer finished sending before the end
    late,       // the peer sent nothing for too long
    malformed,  // see `error`
    gone,
  } state;
  Slice bytes;  // hold until the next call into the engine
  http::ParseError error = http::ParseError::none;
};

struct Stats {
  uint64_t connections_total = 0;
  uint64_t requests_total = 0;
  uint64_t bytes_written = 0;
  uint64_t stalls = 0;
  uint32_t connections = 0;
  uint32_t exchanges = 0;
  uint64_t buffered_bytes = 0;  // in user space
  uint64_t buffered_peak = 0;
  uint32_t slots_reserved = 0;
  uint32_t slot_bytes = 0;
  uint64_t pool_bytes = 0;  // lent to connections, or kept for the next
};

// Joins bytes (http/) and sockets (net/): one state machine a peer. All that the application does
// comes in through the methods that take a Handle; all that it hears goes out through the
// EventSink, once a wake.
//
// Owner: bindings. Thread: loop, all methods. Life: ends in the callback of end().
class Engine final : public net::SocketHandler {
 public:
  Engine(const Limits& limits, EventSink& events);
  ~Engine() override;

  // Once, before anything else: the transport calls back into this engine.
  void attach(std::unique_ptr<net::Transport> transport);
  net::Transport& transport() { return *transport_; }

  [[nodiscard]] int listen(const net::ListenOptions& options) {
    return transport_->listen(options);
  }
  // Idle connections close, running exchanges finish; `all_closed` tells when the last is gone.
  void stop_listening();
  // Breaks all that is left.
  void reset_all();
  // Closes everything, and calls `closed` when the loop holds nothing of this engine any more. No
  // event follows.
  void end(std::function<void()> closed);

  // A whole response.
  WriteStatus answer(Handle exchange, const ResponseOptions& options, const Payload& body);
  // The head of a stream, with its first bytes where there are any, and its end where that is
  // known: one system call.
  WriteStatus start(Handle exchange, const ResponseOptions& options, const Payload& first,
                    bool end);
  WriteStatus write(Handle exchange, const Payload& payload);
  // Behind a declared length, where the transport sends files. Nothing is written until it is
  // through.
  WriteStatus send_file(Handle exchange, const FileRange& range);
  WriteStatus finish(Handle exchange, const Payload& last);
  // Breaks the response off: the peer sees that it is not whole.
  void abort(Handle exchange);

  // The next bytes of the request's body. With `wait`, `body_readable` follows.
  BodyRead read_body(Handle exchange);

  // Empty when the exchange is over.
  [[nodiscard]] std::string peer(Handle exchange);

  [[nodiscard]] Stats stats();

  // ── for a feed ──

  // Once; it must live as long as this engine.
  void attach(Feed& feed) { feed_ = &feed; }
  // Hands an open response to the feed, under its name `id`. Only one without a declared length.
  [[nodiscard]] bool begin_feed(Handle exchange, uint32_t id);
  // The response is the application's again. on_left() is not called for it.
  void end_feed(uint32_t slot);
  // The feed's name for the exchange; Feed::kNone where it has none.
  [[nodiscard]] uint32_t feed_of(Handle exchange);
  // Whether the exchange is not over.
  [[nodiscard]] bool is_open(Handle exchange) { return respondable(exchange) != nullptr; }
  [[nodiscard]] Handle handle(uint32_t slot) { return {slot, slots_.generation(slot)}; }
  // Sends a frame by reference: with `blocked`, on_room() follows. Not while that is due.
  WriteStatus feed(uint32_t slot, const memory::FrameRef& frame);
  // Bytes of the response that wait for the kernel. Where there are any, on_room() follows.
  [[nodiscard]] uint64_t feed_waiting(uint32_t slot) { return slots_[slot].output.bytes(); }
  // Replaces an earlier one. 0 for none.
  void set_feed_deadline(uint32_t slot, uint32_t after_ms);
  // By so much a deadline may come late.
  [[nodiscard]] uint32_t tick_ms() const { return wheel_.tick_ms(); }
  // Ends the exchange as if its peer had left.
  void give_up(uint32_t slot) { lose(slot, false); }
  [[nodiscard]] EventSink& events() { return events_; }
  void wake_soon();

  // net::SocketHandler
  net::SocketId on_connect() override;
  void on_data(net::SocketId id, Slice bytes) override;
  void on_end(net::SocketId id) override;
  void on_writable(net::SocketId id, size_t taken) override;
  void on_lost(net::SocketId id) override;
  void on_closed(net::SocketId id) override;
  void on_wake() override;
  void on_tick() override;

 private:
  struct TimerOf {
    Slab<Connection>* slots;
    net::TimerLink& operator()(uint32_t slot) const { return (*slots)[slot].timer; }
  };

  // Input
  size_t consume(uint32_t slot, Slice in);
  size_t consume_head(uint32_t slot, Slice in);
  size_t consume_drained(uint32_t slot, Slice in);
  void hold(uint32_t slot, Slice bytes);
  void go_on_with_input(uint32_t slot);
  void begin_exchange(uint32_t slot, const http::RequestHead& head, Slice bytes);
  void refuse(uint32_t slot, uint16_t status, std::string_view reason);
  void tell_waiting_reader(uint32_t slot);
  size_t max_held_bytes() const;
  bool body_complete(const Connection& connection) const;
  bool leaves_too_much(const Connection& connection) const;

  // Output
  Connection* respondable(Handle exchange);
  void choose_framing(Connection& connection, const ResponseOptions& options,
                      std::optional<uint64_t> length);
  WriteStatus send(Handle exchange, const Payload& payload, bool end);
  bool transmit(uint32_t slot, const Payload& payload, std::string_view tail = {});
  bool flush(uint32_t slot);
  bool flush_file(uint32_t slot);
  void note_buffered(uint64_t before, uint64_t after);
  bool wait_writable(uint32_t slot);

  // Ends
  void leave_feed(uint32_t slot);
  void next_request(uint32_t slot);
  void linger(uint32_t slot);
  void lose(uint32_t slot, bool reset, Pending what = kLost);
  void close(uint32_t slot, bool reset);

  // Turns
  void queue(uint32_t slot, Pending what);
  bool emit(uint32_t slot);
  void set_timer(uint32_t slot, uint32_t after_ms);
  void clear_timer(uint32_t slot);
  void expire(uint32_t slot);

  const Limits limits_;
  EventSink& events_;
  Feed* feed_ = nullptr;
  std::unique_ptr<net::Transport> transport_;
  Slab<Connection> slots_;
  memory::BufferPool pool_;
  net::TimerWheel<TimerOf> wheel_;
  http::HeadWriter heads_;
  std::string head_;             // scratch: what stands in front of a payload
  std::vector<char> body_;       // scratch: body bytes without their chunked coding
  std::vector<uint32_t> ready_;  // slots with something pending
  std::vector<uint32_t> emitting_;
  Stats stats_;
  bool ticking_ = false;
  bool waking_ = false;  // on_wake() looks at ready_ itself
  bool stopping_ = false;
  bool told_all_closed_ = false;
  bool ending_ = false;
};

}  // namespace catzilla::conn
