#include "conn/engine.h"

#include <algorithm>
#include <array>
#include <ctime>
#include <optional>
#include <utility>

#include "http/status_text.h"

namespace catzilla::conn {

namespace {

// Rounds of events and answers within one wake, before Node's own handles get their turn.
constexpr int kRoundsPerWake = 4;
constexpr size_t kBodyReadBytes = 64 * 1024;

// Windows of queued bytes that one socket may send before the others get their turn: 1 MiB.
constexpr int kWindowsPerFlush = 16;

// Up to here, copying what is sent together costs less than telling the kernel of its parts.
constexpr size_t kJoinedBytes = 2048;

const Payload kNothing;

constexpr std::string_view kContinue = "HTTP/1.1 100 Continue\r\n\r\n";

// RFC 9110 §6.4.1: these never have content, and no length either.
bool is_bodiless(uint16_t status) {
  return status < 200 || status == 204 || status == 304;
}

// As coarse as the shortest time allows for a sixteenth of an error.
uint32_t tick_of(const Limits& limits) {
  const uint32_t shortest =
      std::min({limits.head_timeout_ms, limits.keep_alive_timeout_ms, limits.body_timeout_ms,
                limits.write_timeout_ms, limits.linger_timeout_ms});
  return std::clamp<uint32_t>(shortest / 16, 10, 1000);
}

}  // namespace

Engine::Engine(const Limits& limits, EventSink& events)
    : limits_(limits), events_(events), wheel_(TimerOf{&slots_}, tick_of(limits)) {}

Engine::~Engine() = default;

void Engine::attach(std::unique_ptr<net::Transport> transport) {
  transport_ = std::move(transport);
}

// ── the application's side ───────────────────────────────────────────────────────────────────────

WriteStatus Engine::answer(Handle exchange, const ResponseOptions& options, const Payload& body) {
  Connection* connection = respondable(exchange);
  if (connection == nullptr || connection->response != ResponseState::none)
    return WriteStatus::gone;
  head_.clear();
  choose_framing(*connection, options, body.bytes.size());
  connection->whole = true;
  connection->response = ResponseState::ended;
  connection->body_wanted = false;  // the exchange is over for the application
  if (!transmit(exchange.slot, connection->bodiless ? kNothing : body)) return WriteStatus::gone;
  if (connection->output.empty()) {
    next_request(exchange.slot);
  } else {
    set_timer(exchange.slot, limits_.write_timeout_ms);
  }
  return WriteStatus::ok;
}

WriteStatus Engine::start(Handle exchange, const ResponseOptions& options, const Payload& first,
                          bool end) {
  Connection* connection = respondable(exchange);
  if (connection == nullptr || connection->response != ResponseState::none)
    return WriteStatus::gone;
  head_.clear();
  choose_framing(*connection, options,
                 options.has_length ? std::optional(options.length) : std::nullopt);
  connection->response = ResponseState::open;
  connection->high_water_mark = options.high_water_mark;
  return send(exchange, first, end);
}

WriteStatus Engine::write(Handle exchange, const Payload& payload) {
  head_.clear();
  return send(exchange, payload, false);
}

WriteStatus Engine::finish(Handle exchange, const Payload& last) {
  head_.clear();
  return send(exchange, last, true);
}

// What is queued still goes out; the end that would make it whole does not.
void Engine::abort(Handle exchange) {
  Connection* connection = respondable(exchange);
  if (connection == nullptr) return;
  leave_feed(exchange.slot);
  slots_.bump(exchange.slot);
  --stats_.exchanges;
  connection->file.reset();
  // Where FIN is the only end of a body, only a RST can say that it is none.
  if (connection->until_close && connection->response != ResponseState::none)
    return close(exchange.slot, true);
  linger(exchange.slot);
}

BodyRead Engine::read_body(Handle exchange) {
  using State = BodyRead::State;
  Connection* found = respondable(exchange);
  if (found == nullptr || found->whole) return {State::gone, {}};
  Connection& connection = *found;
  if (connection.body_error != http::ParseError::none)
    return {State::malformed, {}, connection.body_error};
  if (body_complete(connection)) return {State::end, {}};
  if (connection.expect_continue && connection.response == ResponseState::none) {
    // RFC 9110 §10.1.1: the peer holds the body back until it hears that somebody wants it.
    head_ = kContinue;
    if (!transmit(exchange.slot, kNothing)) return {State::gone, {}};
  }
  connection.expect_continue = false;

  Slice bytes;
  if (connection.input != nullptr) {
    memory::ByteQueue& held = connection.input->bytes;
    if (connection.body == BodyMode::sized) {
      bytes = held.bytes().first(
          std::min<uint64_t>({held.size(), connection.body_left, kBodyReadBytes}));
      connection.body_left -= bytes.size();
      held.consume(bytes.size());  // the bytes stay in place until more come in
      if (connection.body_left == 0) connection.body = BodyMode::none;
    } else {
      body_.clear();
      while (!held.empty() && body_.size() < kBodyReadBytes &&
             connection.body == BodyMode::chunked) {
        const auto step = connection.decoder->decode(held.bytes());
        body_.insert(body_.end(), step.data.begin(), step.data.end());
        held.consume(step.consumed);
        if (step.result == http::ParseResult::done) connection.body = BodyMode::none;
        if (step.result == http::ParseResult::bad) {
          connection.body_error = connection.decoder->error();
          connection.keep_alive =
              false;  // where the next request would begin is not known any more
          return {State::malformed, {}, connection.body_error};
        }
      }
      bytes = body_;
    }
    if (!connection.reading && !connection.peer_ended && held.size() < kMaxHeldBytes / 2) {
      connection.reading = true;
      transport_->resume_reading(exchange.slot);
    }
  }
  if (!bytes.empty()) return {State::bytes, bytes};
  if (body_complete(connection)) return {State::end, {}};
  if (connection.peer_ended || connection.body_late) {
    connection.keep_alive = false;
    return {connection.body_late ? State::late : State::cut, {}};
  }
  connection.body_wanted = true;
  set_timer(exchange.slot, limits_.body_timeout_ms);
  return {State::wait, {}};
}

void Engine::stop_listening() {
  if (std::exchange(stopping_, true)) return;
  transport_->stop_listening();
  for (uint32_t slot = 0; slot < slots_.reserved(); ++slot) {
    if (slots_.live(slot) && slots_[slot].phase == Phase::head && slots_[slot].input == nullptr)
      close(slot, false);
  }
  transport_->wake_soon();
}

void Engine::reset_all() {
  for (uint32_t slot = 0; slot < slots_.reserved(); ++slot) {
    if (slots_.live(slot) && slots_[slot].phase != Phase::closed) lose(slot, true);
  }
}

void Engine::end(std::function<void()> closed) {
  ending_ = true;
  stopping_ = true;
  reset_all();
  // Those that waited for their last event only, which is not told any more.
  for (uint32_t slot = 0; slot < slots_.reserved(); ++slot) {
    if (slots_.live(slot) && slots_[slot].gone) slots_.release(slot);
  }
  transport_->end(std::move(closed));
}

std::string Engine::peer(Handle exchange) {
  return respondable(exchange) == nullptr ? std::string{} : transport_->peer(exchange.slot);
}

Stats Engine::stats() {
  stats_.connections = slots_.size();
  stats_.slots_reserved = slots_.reserved();
  stats_.slot_bytes = Slab<Connection>::kCellBytes;
  stats_.pool_bytes = pool_.bytes();
  return stats_;
}

// ── the feed's side ──────────────────────────────────────────────────────────────────────────────

bool Engine::begin_feed(Handle exchange, uint32_t id) {
  Connection* connection = respondable(exchange);
  if (connection == nullptr || connection->response != ResponseState::open) return false;
  const bool unsized = connection->chunked || connection->until_close;
  if (!unsized || connection->bodiless || connection->file != nullptr ||
      !body_complete(*connection) || connection->feed != Feed::kNone) {
    return false;
  }
  connection->feed = id;
  connection->blocked = false;
  return true;
}

void Engine::end_feed(uint32_t slot) {
  slots_[slot].feed = Feed::kNone;
  clear_timer(slot);
}

uint32_t Engine::feed_of(Handle exchange) {
  const Connection* connection = respondable(exchange);
  return connection == nullptr ? Feed::kNone : connection->feed;
}

WriteStatus Engine::feed(uint32_t slot, const memory::FrameRef& frame) {
  Connection& connection = slots_[slot];
  const Slice wire = connection.chunked ? frame->chunked() : frame->body();
  stats_.bytes_written += wire.size();
  size_t taken = 0;
  if (connection.output.empty()) {
    const net::WriteResult written = transport_->write(slot, {&wire, 1});
    if (written.error != net::WriteError::none) {
      lose(slot, false);
      return WriteStatus::gone;
    }
    taken = written.taken;
    if (taken == wire.size()) return WriteStatus::ok;
  }
  const bool queued = connection.output.append(std::make_unique<memory::WaitingFrame>(frame, wire),
                                               taken, wire.size());
  if (!queued) {
    lose(slot, true, kFailed);
    return WriteStatus::gone;
  }
  note_buffered(taken, wire.size());
  ++stats_.stalls;
  return connection.waiting || wait_writable(slot) ? WriteStatus::blocked : WriteStatus::gone;
}

void Engine::set_feed_deadline(uint32_t slot, uint32_t after_ms) {
  if (after_ms == 0) return clear_timer(slot);
  set_timer(slot, after_ms);
}

void Engine::wake_soon() {
  if (!ending_) transport_->wake_soon();
}

// ── the socket's side ────────────────────────────────────────────────────────────────────────────

net::SocketId Engine::on_connect() {
  if (stopping_ || slots_.size() >= limits_.max_connections) return net::kNoSocket;
  const uint32_t slot = slots_.allocate();
  if (slot == Slab<Connection>::kNone) return net::kNoSocket;
  ++stats_.connections_total;
  set_timer(slot, limits_.head_timeout_ms);
  return slot;
}

void Engine::on_data(net::SocketId slot, Slice bytes) {
  Connection& connection = slots_[slot];
  if (connection.input != nullptr) {
    hold(slot, bytes);
    if (connection.phase != Phase::exchange) go_on_with_input(slot);
  } else {
    const size_t used = consume(slot, bytes);
    if (used < bytes.size()) hold(slot, bytes.subspan(used));
  }
  if (connection.phase == Phase::exchange) tell_waiting_reader(slot);
}

// RFC 9112 §9.6: a peer that has finished sending may still be reading, so an answer under way goes
// on.
void Engine::on_end(net::SocketId slot) {
  Connection& connection = slots_[slot];
  connection.peer_ended = true;
  if (connection.phase == Phase::closed) return;
  if (connection.phase != Phase::exchange) {
    // What is queued still goes out, and held bytes of a next request are answered first.
    const bool busy = connection.phase == Phase::linger ? !connection.output.empty()
                                                        : (connection.pending & kInput) != 0;
    if (!busy) close(slot, false);
    return;
  }
  tell_waiting_reader(slot);
  if (connection.feed != Feed::kNone) return feed_->on_half_closed(connection.feed);
  queue(slot, kHalfClosed);
}

void Engine::on_writable(net::SocketId slot, size_t taken) {
  Connection& connection = slots_[slot];
  const uint64_t before = connection.output.bytes();
  connection.waiting = false;
  connection.output.consume(pool_, taken);
  note_buffered(taken, 0);
  if (connection.phase == Phase::closed) return;
  if (!connection.output.empty() && !flush(slot)) return;
  const bool file_is_next = connection.file != nullptr && connection.output.empty();
  if (file_is_next && !flush_file(slot)) return;

  if (connection.phase == Phase::linger) {
    if (connection.output.empty()) linger(slot);
  } else if (connection.response == ResponseState::ended) {
    if (connection.output.empty()) {
      if (connection.whole) {
        next_request(slot);
      } else {
        queue(slot, kDrained);  // and then the next request
      }
    } else if (connection.whole && connection.output.bytes() < before) {
      set_timer(slot, limits_.write_timeout_ms);
    }
  } else if (connection.feed != Feed::kNone) {
    if (connection.output.empty()) feed_->on_room(connection.feed);
  } else if (connection.blocked && connection.file == nullptr &&
             connection.output.bytes() <= kLowWaterMark) {
    connection.blocked = false;
    queue(slot, kDrained);
  }
}

void Engine::on_lost(net::SocketId slot) {
  lose(slot, false);
}

void Engine::on_closed(net::SocketId slot) {
  Connection& connection = slots_[slot];
  connection.phase = Phase::closed;
  note_buffered(connection.output.bytes(), 0);
  connection.output.clear(pool_);
  connection.file.reset();
  clear_timer(slot);
  connection.gone = true;
  if (!connection.queued || ending_) slots_.release(slot);
  if (stopping_ && slots_.size() == 0 && !ending_) transport_->wake_soon();
}

void Engine::on_wake() {
  if (ending_) return;
  waking_ = true;
  for (int round = 0; round < kRoundsPerWake; ++round) {
    emitting_.swap(ready_);
    for (size_t at = 0; at < emitting_.size(); ++at) {
      if (emit(emitting_[at])) continue;
      ready_.insert(ready_.end(), emitting_.begin() + static_cast<ptrdiff_t>(at), emitting_.end());
      break;
    }
    emitting_.clear();
    if (feed_ != nullptr) feed_->on_tell();
    if (stopping_ && slots_.size() == 0 && !told_all_closed_ && events_.has_room(0)) {
      told_all_closed_ = true;
      events_.notify(EventKind::all_closed, {});
    }
    if (events_.empty()) break;
    events_.dispatch();
    if (ending_) return;
  }
  waking_ = false;
  const bool more = feed_ != nullptr && feed_->on_serve();
  if (more || !ready_.empty()) transport_->wake_soon();
}

void Engine::on_tick() {
  wheel_.tick([this](uint32_t slot) { expire(slot); });
  if (!wheel_.empty()) return;
  ticking_ = false;
  transport_->tick_every(0);
}

// ── input ────────────────────────────────────────────────────────────────────────────────────────

// Takes as much of `in` as the phase allows. What is left waits.
size_t Engine::consume(uint32_t slot, Slice in) {
  size_t used = 0;
  while (used < in.size()) {
    const Slice rest = in.subspan(used);
    size_t step = 0;
    switch (slots_[slot].phase) {
      case Phase::head:
        step = consume_head(slot, rest);
        break;
      case Phase::drain:
        step = consume_drained(slot, rest);
        break;
      case Phase::exchange:
        return used;
      case Phase::linger:
      case Phase::closed:
        return in.size();
    }
    if (step == 0) return used;
    used += step;
  }
  return used;
}

size_t Engine::consume_head(uint32_t slot, Slice in) {
  Connection& connection = slots_[slot];
  if (!events_.has_room(std::min<size_t>(in.size(), limits_.http.max_head_bytes))) {
    queue(slot, kInput);
    return 0;
  }
  http::RequestParser fresh(limits_.http);
  http::RequestParser& parser = connection.input != nullptr ? connection.input->parser : fresh;
  const bool was_idle = parser.idle();
  switch (parser.parse(in)) {
    case http::ParseResult::need_more:
      if (was_idle && !parser.idle()) set_timer(slot, limits_.head_timeout_ms);
      if (connection.input == nullptr) {
        connection.input = std::make_unique<Input>(limits_.http);
        connection.input->parser = fresh;
      }
      return 0;
    case http::ParseResult::bad:
      refuse(slot, http::error_status(parser.error()), http::error_name(parser.error()));
      return in.size();
    case http::ParseResult::done:
      break;
  }
  const http::RequestHead head = parser.head();
  parser.reset();
  if (head.method == http::Method::connect) {
    refuse(slot, 501, "tunnel");  // nothing that this engine could answer
    return in.size();
  }
  begin_exchange(slot, head, in.first(head.head_length));
  return head.head_length;
}

// The rest of a body that nobody read: discarded, so that the connection can be used again.
size_t Engine::consume_drained(uint32_t slot, Slice in) {
  Connection& connection = slots_[slot];
  size_t taken = std::min<uint64_t>(in.size(), connection.body_left);
  bool done = false;
  if (connection.body == BodyMode::chunked) {
    const auto step = connection.decoder->decode(in.first(taken));
    taken = step.consumed;
    done = step.result == http::ParseResult::done;
    if (step.result == http::ParseResult::bad) {
      linger(slot);
      return in.size();
    }
  }
  connection.body_left -= taken;
  if (connection.body == BodyMode::sized) done = connection.body_left == 0;
  if (done) {
    connection.body = BodyMode::none;
    connection.phase = Phase::head;
    set_timer(slot, limits_.keep_alive_timeout_ms);
  }
  if (done ? stopping_ : connection.body_left == 0) {
    linger(slot);
    return in.size();
  }
  return taken;
}

void Engine::hold(uint32_t slot, Slice bytes) {
  Connection& connection = slots_[slot];
  if (connection.phase == Phase::linger || connection.phase == Phase::closed) return;
  if (connection.input == nullptr) connection.input = std::make_unique<Input>(limits_.http);
  if (!connection.input->bytes.append(bytes)) return lose(slot, true);
  if (connection.reading && connection.input->bytes.size() >= max_held_bytes()) {
    connection.reading = false;
    transport_->pause_reading(slot);
  }
}

void Engine::go_on_with_input(uint32_t slot) {
  Connection& connection = slots_[slot];
  if (connection.input != nullptr) {
    const size_t used = consume(slot, connection.input->bytes.bytes());
    if (connection.input != nullptr)
      connection.input->bytes.consume(used);  // a refused request has let go of it
    // A connection that waits for a request holds nothing.
    if (connection.input != nullptr && connection.input->bytes.empty() &&
        connection.phase != Phase::exchange) {
      connection.input.reset();
    }
  }
  if (connection.phase == Phase::closed) return;
  const size_t held = connection.input == nullptr ? 0 : connection.input->bytes.size();
  if (!connection.reading && !connection.peer_ended && held < max_held_bytes()) {
    connection.reading = true;
    transport_->resume_reading(slot);
  }
  // What is held is no whole request, and nothing more will come.
  const bool waits = (connection.pending & kInput) != 0;
  if (connection.peer_ended && !waits &&
      (connection.phase == Phase::head || connection.phase == Phase::drain)) {
    close(slot, false);
  }
}

// read_body() has something to say again.
void Engine::tell_waiting_reader(uint32_t slot) {
  Connection& connection = slots_[slot];
  if (!connection.body_wanted) return;
  connection.body_wanted = false;
  clear_timer(slot);
  queue(slot, kReadable);
}

void Engine::begin_exchange(uint32_t slot, const http::RequestHead& head, Slice bytes) {
  Connection& connection = slots_[slot];
  clear_timer(slot);
  connection.phase = Phase::exchange;
  connection.response = ResponseState::none;
  connection.body = head.chunked              ? BodyMode::chunked
                    : head.content_length > 0 ? BodyMode::sized
                                              : BodyMode::none;
  connection.body_left = head.content_length;
  connection.decoder = head.chunked ? std::make_unique<http::ChunkedDecoder>() : nullptr;
  connection.body_error = http::ParseError::none;
  connection.keep_alive = head.keep_alive && !stopping_;
  connection.http_1_0 = head.minor_version == 0;
  connection.bodiless = head.method == http::Method::head;
  connection.expect_continue = head.expect_continue;
  connection.body_wanted = connection.body_late = false;
  connection.chunked = connection.until_close = connection.whole = connection.blocked = false;
  ++stats_.requests_total;
  ++stats_.exchanges;
  events_.request({slot, slots_.generation(slot)}, head, bytes);
  if (connection.peer_ended) queue(slot, kHalfClosed);
}

// A request that no handler sees. It comes in its turn: behind the answers to all before it.
void Engine::refuse(uint32_t slot, uint16_t status, std::string_view reason) {
  Connection& connection = slots_[slot];
  connection.phase = Phase::linger;
  connection.keep_alive = false;
  std::string body(http::status_text(status));
  body.append(" (").append(reason).append(")\n");
  head_.clear();
  heads_.write(head_,
               {.status = status,
                .fields = "content-type: text/plain; charset=utf-8\r\n",
                .framing = http::Framing::sized,
                .length = body.size(),
                .connection = http::ConnectionField::close,
                .date = true},
               std::time(nullptr));
  head_ += body;
  if (transmit(slot, kNothing)) linger(slot);
}

// A head must fit in, or it would never be complete.
size_t Engine::max_held_bytes() const {
  return std::max<size_t>(kMaxHeldBytes, limits_.http.max_head_bytes);
}

bool Engine::body_complete(const Connection& connection) const {
  return connection.body == BodyMode::none;
}

// Whether what is unread of the request's body is more than the connection is worth.
bool Engine::leaves_too_much(const Connection& connection) const {
  if (body_complete(connection)) return false;
  // A peer that still waits for 100 will not send its body, or sends it anyway: nobody can tell
  // (RFC 9110 §10.1.1).
  if (connection.expect_continue) return true;
  return connection.body == BodyMode::sized && connection.body_left > kMaxDrainedBytes;
}

// ── output ───────────────────────────────────────────────────────────────────────────────────────

Connection* Engine::respondable(Handle exchange) {
  Connection* connection = slots_.find(exchange);
  return connection != nullptr && connection->phase == Phase::exchange ? connection : nullptr;
}

// Decides how the body's end will be told (RFC 9112 §6.3), and puts the head into the scratch.
void Engine::choose_framing(Connection& connection, const ResponseOptions& options,
                            std::optional<uint64_t> length) {
  using http::ConnectionField;
  using http::Framing;
  http::ResponseHead head{.status = options.status, .fields = options.fields, .date = options.date};
  if (is_bodiless(options.status)) {
    connection.bodiless = true;
    head.framing = Framing::none;
  } else if (length) {
    head.framing = Framing::sized;
    head.length = connection.length_left = *length;
  } else if (connection.http_1_0) {
    head.framing = Framing::until_close;
    connection.until_close = true;
    connection.keep_alive = false;
  } else {
    head.framing = Framing::chunked;
    connection.chunked = true;
  }
  if (stopping_ || leaves_too_much(connection)) connection.keep_alive = false;
  if (!connection.keep_alive) {
    head.connection = ConnectionField::close;
  } else if (connection.http_1_0) {
    head.connection = ConnectionField::keep_alive;
  }
  heads_.write(head_, head, std::time(nullptr));
}

// The scratch holds what goes in front of the payload: a head, or nothing.
WriteStatus Engine::send(Handle exchange, const Payload& payload, bool end) {
  Connection* found = respondable(exchange);
  if (found == nullptr || found->response != ResponseState::open) return WriteStatus::gone;
  Connection& connection = *found;
  if (connection.file != nullptr) {
    abort(exchange);  // it would come out in the middle of the file
    return WriteStatus::gone;
  }
  const size_t size = connection.bodiless ? 0 : payload.bytes.size();
  std::string_view tail;
  if (connection.bodiless) {
    // Only the head.
  } else if (connection.chunked) {
    if (size > 0) http::write_chunk_size(head_, size);
    tail = size == 0 ? (end ? http::kLastChunk : std::string_view{})
                     : (end ? http::kChunkEndAndLast : http::kChunkEnd);
  } else if (!connection.until_close) {
    // A body of another length than declared would be read as the next response, or wait for ever.
    if (size > connection.length_left || (end && size < connection.length_left)) {
      abort(exchange);
      return WriteStatus::gone;
    }
    connection.length_left -= size;
  }
  if (!transmit(exchange.slot, size > 0 ? payload : kNothing, tail)) return WriteStatus::gone;
  if (end) {
    leave_feed(exchange.slot);
    connection.response = ResponseState::ended;
    connection.blocked = false;
    if (!connection.output.empty()) return WriteStatus::blocked;
    next_request(exchange.slot);
    return WriteStatus::ok;
  }
  const uint64_t buffered = connection.output.bytes();
  const bool crowded = buffered > 0 && stats_.buffered_bytes > limits_.max_buffered_bytes;
  if (buffered < std::max(connection.high_water_mark, 1U) && !crowded) return WriteStatus::ok;
  if (!connection.blocked) ++stats_.stalls;
  connection.blocked = true;
  return WriteStatus::blocked;
}

WriteStatus Engine::send_file(Handle exchange, const FileRange& range) {
  Connection* found = respondable(exchange);
  if (found == nullptr || found->response != ResponseState::open) return WriteStatus::gone;
  Connection& connection = *found;
  if (connection.bodiless || range.length == 0) return WriteStatus::ok;
  const bool framed = !connection.chunked && !connection.until_close;
  if (!framed || range.length > connection.length_left || connection.file != nullptr ||
      !transport_->sends_files()) {
    abort(exchange);
    return WriteStatus::gone;
  }
  connection.length_left -= range.length;
  stats_.bytes_written += range.length;
  connection.file = std::make_unique<FileRange>(range);
  if (connection.output.empty() && !flush_file(exchange.slot)) return WriteStatus::gone;
  if (connection.file == nullptr) return WriteStatus::ok;
  if (!connection.blocked) ++stats_.stalls;
  connection.blocked = true;
  return WriteStatus::blocked;
}

// Sends what stands in the scratch, the payload and the tail: as much as the kernel takes now, and
// queues the rest, in order. `false` when the peer is lost.
bool Engine::transmit(uint32_t slot, const Payload& payload, std::string_view tail) {
  Connection& connection = slots_[slot];
  Slice body = payload.bytes;
  if (body.size() + tail.size() <= kJoinedBytes) {
    head_.append(body.data(), body.size()).append(tail);
    body = {};
    tail = {};
  }
  const std::array<Slice, 3> slices{slice_of(head_), body, slice_of(tail)};
  const size_t total = head_.size() + body.size() + tail.size();
  if (total == 0) return true;
  stats_.bytes_written += total;
  size_t taken = 0;
  if (connection.output.empty()) {
    const net::WriteResult written = transport_->write(slot, slices);
    if (written.error != net::WriteError::none) {
      lose(slot, false);
      return false;
    }
    taken = written.taken;
    if (taken == total) return true;
  }
  bool queued = true;
  const uint64_t before = connection.output.bytes();
  for (const Slice& slice : slices) {
    const size_t skipped = std::min(taken, slice.size());
    taken -= skipped;
    const Slice rest = slice.subspan(skipped);
    const bool keep =
        &slice == &slices[1] && payload.keep != nullptr && rest.size() >= kReferenceBytes;
    queued = queued && (keep ? connection.output.append(payload.keep(), skipped, slice.size())
                             : connection.output.append(pool_, rest));
  }
  note_buffered(before, connection.output.bytes());
  if (!queued) {
    lose(slot, true, kFailed);
    return false;
  }
  return connection.waiting || wait_writable(slot);
}

// Sends what the kernel takes of the queue, and waits for room for the rest. `false` when the peer
// is lost.
bool Engine::flush(uint32_t slot) {
  Connection& connection = slots_[slot];
  for (int written = 0; written < kWindowsPerFlush; ++written) {
    memory::OutputQueue::Window window;
    const size_t count = connection.output.window(pool_, window, !transport_->only_tells());
    if (count == 0) {
      lose(slot, true, kFailed);
      return false;
    }
    size_t size = 0;
    for (const Slice& slice : std::span(window).first(count))
      size += slice.size();
    const net::WriteResult result = transport_->write(slot, std::span(window).first(count));
    if (result.error != net::WriteError::none) {
      lose(slot, false);
      return false;
    }
    connection.output.consume(pool_, result.taken);
    note_buffered(result.taken, 0);
    if (connection.output.empty()) return true;
    if (result.taken < size) break;
  }
  return wait_writable(slot);
}

bool Engine::wait_writable(uint32_t slot) {
  Connection& connection = slots_[slot];
  memory::OutputQueue::Window window;
  size_t count = 0;
  if (!transport_->only_tells()) {
    count = connection.output.window(pool_, window, true);
    if (count == 0) {
      lose(slot, true, kFailed);
      return false;
    }
  }
  if (transport_->wait_writable(slot, std::span(window).first(count)) == net::WriteError::none) {
    connection.waiting = true;
    return true;
  }
  lose(slot, true);
  return false;
}

// Sends what the kernel takes of the file, and waits for room for the rest. `false` when the
// exchange is over.
bool Engine::flush_file(uint32_t slot) {
  Connection& connection = slots_[slot];
  FileRange& file = *connection.file;
  const uint64_t stop = file.length - std::min(file.length, kFileBytesPerWake);
  while (file.length > stop) {
    const net::FileResult sent =
        transport_->send_file(slot, file.fd, file.offset, file.length - stop);
    if (sent.error != net::FileError::none) {
      lose(slot, true, sent.error == net::FileError::lost ? kLost : kFailed);
      return false;
    }
    if (sent.taken == 0) break;
    file.offset += sent.taken;
    file.length -= sent.taken;
  }
  if (file.length == 0) {
    connection.file.reset();
    clear_timer(slot);
    return true;
  }
  set_timer(slot, limits_.write_timeout_ms);
  return wait_writable(slot);
}

void Engine::note_buffered(uint64_t before, uint64_t after) {
  stats_.buffered_bytes += after - before;
  stats_.buffered_peak = std::max(stats_.buffered_peak, stats_.buffered_bytes);
}

// ── ends ─────────────────────────────────────────────────────────────────────────────────────────

// The answer is with the kernel. Handles to its exchange find nothing any more.
void Engine::next_request(uint32_t slot) {
  Connection& connection = slots_[slot];
  slots_.bump(slot);
  --stats_.exchanges;
  clear_timer(slot);
  if (!connection.keep_alive || stopping_) return linger(slot);
  if (!body_complete(connection)) {
    if (leaves_too_much(connection)) return linger(slot);
    if (connection.body == BodyMode::chunked) connection.body_left = kMaxDrainedBytes;
    connection.phase = Phase::drain;
    set_timer(slot, limits_.body_timeout_ms);
  } else {
    connection.phase = Phase::head;
    set_timer(slot, limits_.keep_alive_timeout_ms);
  }
  // What was still to be told is not the next exchange's.
  connection.pending &= kInput;
  // Not at once: the application may be in the middle of the events of this wake.
  if (connection.input != nullptr || connection.peer_ended) queue(slot, kInput);
}

// The last answer is given. A close with unread bytes would make the kernel send a RST, which can
// destroy the answer on its way: so FIN, then read on until the peer's own, for a bounded time.
void Engine::linger(uint32_t slot) {
  Connection& connection = slots_[slot];
  connection.phase = Phase::linger;
  connection.input.reset();
  set_timer(slot, limits_.linger_timeout_ms);
  if (!connection.output.empty() || connection.waiting) return;
  if (connection.peer_ended) return close(slot, false);
  transport_->shutdown(slot);
  if (connection.reading) return;
  connection.reading = true;
  transport_->resume_reading(slot);
}

void Engine::leave_feed(uint32_t slot) {
  const uint32_t id = std::exchange(slots_[slot].feed, Feed::kNone);
  if (id == Feed::kNone) return;
  clear_timer(slot);
  feed_->on_left(id);
}

void Engine::lose(uint32_t slot, bool reset, Pending what) {
  Connection& connection = slots_[slot];
  if (connection.phase == Phase::closed) return;
  const bool exchange = connection.phase == Phase::exchange;
  if (exchange) --stats_.exchanges;
  close(slot, reset);
  if (exchange) queue(slot, what);
}

void Engine::close(uint32_t slot, bool reset) {
  Connection& connection = slots_[slot];
  if (std::exchange(connection.phase, Phase::closed) == Phase::closed) return;
  leave_feed(slot);
  clear_timer(slot);
  transport_->close(slot, reset);
}

// ── turns ────────────────────────────────────────────────────────────────────────────────────────

void Engine::queue(uint32_t slot, Pending what) {
  Connection& connection = slots_[slot];
  connection.pending |= what;
  if (connection.queued) return;
  connection.queued = true;
  ready_.push_back(slot);
  if (!waking_) transport_->wake_soon();
}

// Tells what is pending on a connection. `false` when there was no room for all of it.
bool Engine::emit(uint32_t slot) {
  Connection& connection = slots_[slot];
  const Handle exchange{slot, slots_.generation(slot)};
  const auto tell = [&](Pending what, EventKind kind) {
    if ((connection.pending & what) == 0) return true;
    if (!events_.has_room(0)) return false;
    connection.pending &= static_cast<uint8_t>(~what);
    const bool current = connection.phase == Phase::exchange || what == kLost || what == kFailed;
    if (current) events_.notify(kind, exchange);
    return true;
  };
  if (!tell(kReadable, EventKind::body_readable) || !tell(kHalfClosed, EventKind::half_closed) ||
      !tell(kDrained, EventKind::drained) || !tell(kFailed, EventKind::failed) ||
      !tell(kLost, EventKind::lost)) {
    return false;
  }
  connection.queued = false;
  if (connection.gone) {
    slots_.release(slot);
    return true;
  }
  const bool answered =
      connection.phase == Phase::exchange && connection.response == ResponseState::ended;
  if (answered && connection.output.empty()) next_request(slot);
  if ((connection.pending & kInput) != 0) {
    connection.pending &= static_cast<uint8_t>(~kInput);
    if (connection.phase == Phase::head || connection.phase == Phase::drain) go_on_with_input(slot);
  }
  return true;
}

void Engine::set_timer(uint32_t slot, uint32_t after_ms) {
  if (!std::exchange(ticking_, true)) transport_->tick_every(wheel_.tick_ms());
  wheel_.set(slot, after_ms);
}

void Engine::clear_timer(uint32_t slot) {
  wheel_.clear(slot);
}

void Engine::expire(uint32_t slot) {
  Connection& connection = slots_[slot];
  switch (connection.phase) {
    case Phase::head:
      // RFC 9110 §15.5.9: 408 is for a request that has begun.
      if (connection.input != nullptr && !connection.input->parser.idle())
        return refuse(slot, 408, "head-timeout");
      return close(slot, false);
    case Phase::exchange:
      if (connection.feed != Feed::kNone) return feed_->on_deadline(connection.feed);
      if (!connection.body_wanted)
        return lose(slot, true);  // a whole answer that the peer does not take
      connection.body_wanted = false;
      connection.body_late = true;
      return queue(slot, kReadable);
    case Phase::drain:
      return linger(slot);
    case Phase::linger:
      return close(slot, false);
    case Phase::closed:
      return;
  }
}

}  // namespace catzilla::conn
