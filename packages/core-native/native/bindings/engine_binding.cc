#include "bindings/engine_binding.h"

#include <uv.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <string>
#include <utility>

#include "bindings/call.h"
#include "http/parse_error.h"
#include "memory/allocator.h"

namespace catzilla::bindings {

namespace {

// Room for what one call brings. V8 encodes without measuring first where three bytes a character
// would fit; what grew for one large string is given back.
constexpr size_t kFieldsBytes = 1024;
constexpr size_t kTextBytes = 128 * 1024;
constexpr size_t kKeptTextBytes = 512 * 1024;
constexpr size_t kUtf8Bytes = 4;  // of the longest character, or of a terminator and a shorter one

// Bytes of a JavaScript view, kept alive by a reference. They are looked up at each use: a transfer
// or detach takes them away, and a pointer kept from before would then be dangling.
class ReferencedView final : public memory::ExternalBytes {
 public:
  ReferencedView(napi_env env, napi_value view) : env_(env) {
    napi_create_reference(env, view, 1, &view_);
  }
  ~ReferencedView() override { napi_delete_reference(env_, view_); }

  Slice bytes() override {
    napi_handle_scope scope = nullptr;
    napi_open_handle_scope(env_, &scope);
    napi_value view = nullptr;
    size_t length = 0;
    void* data = nullptr;
    napi_get_reference_value(env_, view_, &view);
    if (view != nullptr)
      napi_get_typedarray_info(env_, view, nullptr, &length, &data, nullptr, nullptr);
    napi_close_handle_scope(env_, scope);
    return {static_cast<const char*>(data), data == nullptr ? 0 : length};
  }

 private:
  napi_env env_;
  napi_ref view_ = nullptr;
};

// JavaScript's side of WriteStatus and BodyRead::State: native-api.ts has the same numbers.
enum BodyCode : int32_t { kBodyEnd = 0, kBodyWait = 1, kBodyGone = 2, kBodyCut = 3, kBodyLate = 4 };

}  // namespace

EngineBinding::EngineBinding(Napi::Env env, const conn::Limits& limits)
    : env_(env),
      engine_(std::make_unique<conn::Engine>(limits, *this)),
      broadcast_(std::make_unique<broadcast::Broadcast>(*engine_)) {}

bool EngineBinding::attach(const net::Backend& backend, Napi::Function dispatch) {
  uv_loop_t* loop = nullptr;
  napi_get_uv_event_loop(env_, &loop);
  auto transport = backend.make(loop, *engine_);
  if (transport == nullptr) return false;
  engine_->attach(std::move(transport));
  backend_ = backend.name;

  napi_create_reference(env_, dispatch, 1, &dispatch_);
  Napi::Object receiver = Napi::Object::New(env_);
  napi_create_reference(env_, receiver, 1, &receiver_);
  napi_async_init(env_, receiver, Napi::String::New(env_, "catzilla"), &async_context_);

  // Memory of V8's own: some runtimes refuse buffers around foreign memory.
  napi_value buffer = nullptr;
  void* data = nullptr;
  napi_create_arraybuffer(env_, kEventCapacity * kEventWords * sizeof(uint32_t), &data, &buffer);
  napi_create_reference(env_, buffer, 1, &events_ref_);
  events_ = static_cast<uint32_t*>(data);
  napi_create_arraybuffer(env_, kArenaBytes, &data, &buffer);
  napi_create_reference(env_, buffer, 1, &arena_ref_);
  arena_ = static_cast<char*>(data);

  // A worker that ends with sockets open must not abort the process, as it would with handles left
  // on its loop.
  napi_add_async_cleanup_hook(env_, on_environment_exit, this, &cleanup_hook_);
  return true;
}

EngineBinding::~EngineBinding() = default;

// ── events, to JavaScript ────────────────────────────────────────────────────────────────────────

bool EngineBinding::has_room(size_t bytes) {
  return event_count_ < kEventCapacity && arena_used_ + bytes <= kArenaBytes;
}

void EngineBinding::request(Handle exchange, const http::RequestHead& head, Slice bytes) {
  uint32_t* event = events_ + event_count_++ * kEventWords;
  const size_t start = head.method_offset;
  const size_t length = bytes.size() - start;
  std::memcpy(arena_ + arena_used_, bytes.data() + start, length);
  event[0] = static_cast<uint32_t>(conn::EventKind::request) |
             static_cast<uint32_t>(head.method) << 8 |
             static_cast<uint32_t>(head.minor_version) << 16;
  event[1] = exchange.slot;
  event[2] = exchange.generation;
  event[3] = static_cast<uint32_t>(arena_used_);
  event[4] = head.method_length;
  event[5] = head.target_length;
  event[6] = head.fields_offset - head.method_offset;
  event[7] = head.fields_length;
  arena_used_ += length;
}

void EngineBinding::notify(conn::EventKind kind, Handle exchange, uint32_t detail) {
  uint32_t* event = events_ + event_count_++ * kEventWords;
  event[0] = static_cast<uint32_t>(kind);
  event[1] = exchange.slot;
  event[2] = exchange.generation;
  event[3] = detail;
}

// One call for all events of a wake. napi_make_callback drains ticks and microtasks on return, so
// that everything which an async handler resolves at once is answered in the same wake.
void EngineBinding::dispatch() {
  napi_handle_scope scope = nullptr;
  napi_open_handle_scope(env_, &scope);
  napi_value receiver = nullptr;
  napi_value function = nullptr;
  std::array<napi_value, 2> arguments{};
  napi_get_reference_value(env_, receiver_, &receiver);
  napi_get_reference_value(env_, dispatch_, &function);
  napi_create_uint32(env_, static_cast<uint32_t>(event_count_), &arguments[0]);
  napi_create_uint32(env_, static_cast<uint32_t>(arena_used_), &arguments[1]);
  event_count_ = 0;
  arena_used_ = 0;
  napi_make_callback(env_, async_context_, receiver, function, arguments.size(), arguments.data(),
                     nullptr);
  bool pending = false;
  if (napi_is_exception_pending(env_, &pending) == napi_ok && pending) {
    napi_value error = nullptr;
    napi_get_and_clear_last_exception(env_, &error);
    napi_fatal_exception(env_, error);
  }
  napi_close_handle_scope(env_, scope);
}

// ── calls, from JavaScript ───────────────────────────────────────────────────────────────────────

template <napi_value (EngineBinding::*member)(EngineBinding::Call&),
          EngineBinding::AfterEnd after_end>
void EngineBinding::method(Napi::Object& face, const char* name) {
  napi_value function = nullptr;
  napi_create_function(
      env_, name, NAPI_AUTO_LENGTH,
      [](napi_env env, napi_callback_info info) -> napi_value {
        Call call(env, info);
        EngineBinding& binding = call.binding();
        if (binding.engine_ != nullptr || after_end == AfterEnd::works) {
          return (binding.*member)(call);
        }
        return after_end == AfterEnd::gone ? binding.status(conn::WriteStatus::gone) : nullptr;
      },
      this, &function);
  napi_set_named_property(env_, face, name, function);
}

Napi::Object EngineBinding::face(Napi::Env env) {
  Napi::Object face = Napi::Object::New(env);
  napi_value buffer = nullptr;
  napi_value view = nullptr;
  napi_get_reference_value(env, events_ref_, &buffer);
  napi_create_typedarray(env, napi_uint32_array, kEventCapacity * kEventWords, buffer, 0, &view);
  face.Set("events", view);
  napi_get_reference_value(env, arena_ref_, &buffer);
  face.Set("arena", buffer);
  face.Set("backend", backend_);
  face.Set("sendsFiles", engine_->transport().sends_files());
  method<&EngineBinding::listen, AfterEnd::works>(face, "listen");
  method<&EngineBinding::listen_shared, AfterEnd::works>(face, "listenShared");
  method<&EngineBinding::address, AfterEnd::works>(face, "address");
  method<&EngineBinding::stop_listening, AfterEnd::nothing>(face, "stopListening");
  method<&EngineBinding::reset_all, AfterEnd::nothing>(face, "resetAll");
  method<&EngineBinding::end, AfterEnd::nothing>(face, "end");
  method<&EngineBinding::answer, AfterEnd::gone>(face, "answer");
  method<&EngineBinding::start, AfterEnd::gone>(face, "start");
  method<&EngineBinding::write, AfterEnd::gone>(face, "write");
  method<&EngineBinding::send_file, AfterEnd::gone>(face, "sendFile");
  method<&EngineBinding::finish, AfterEnd::gone>(face, "finish");
  method<&EngineBinding::abort, AfterEnd::nothing>(face, "abort");
  method<&EngineBinding::read_body, AfterEnd::gone>(face, "readBody");
  method<&EngineBinding::peer, AfterEnd::nothing>(face, "peer");
  method<&EngineBinding::stats, AfterEnd::works>(face, "stats");
  method<&EngineBinding::open_topic, AfterEnd::nothing>(face, "openTopic");
  method<&EngineBinding::join, AfterEnd::nothing>(face, "join");
  method<&EngineBinding::publish, AfterEnd::nothing>(face, "publish");
  method<&EngineBinding::close_topic, AfterEnd::nothing>(face, "closeTopic");
  method<&EngineBinding::abort_topic, AfterEnd::nothing>(face, "abortTopic");
  method<&EngineBinding::tell_missed, AfterEnd::nothing>(face, "tellMissed");
  method<&EngineBinding::topic_stats, AfterEnd::nothing>(face, "topicStats");
  method<&EngineBinding::has_joined, AfterEnd::nothing>(face, "hasJoined");
  method<&EngineBinding::joined, AfterEnd::nothing>(face, "joined");
  return face;
}

// (address, port, backlog, ipv6Only, reusePort) → 0 or the name of the error
napi_value EngineBinding::listen(Call& call) {
  net::ListenOptions options;
  size_t length = 0;
  napi_value address = call.next();
  napi_get_value_string_utf8(env_, address, nullptr, 0, &length);
  options.address.resize(length + 1);
  napi_get_value_string_utf8(env_, address, options.address.data(), length + 1, nullptr);
  options.address.resize(length);
  const uint32_t port = call.number();
  options.port = static_cast<uint16_t>(port);
  options.backlog = static_cast<int>(call.number());
  options.ipv6_only = call.flag();
  options.reuse_port = call.flag();
  return start_listening(options, port > UINT16_MAX ? UV_EINVAL : 0);
}

// (descriptor, backlog) → 0 or the name of the error
napi_value EngineBinding::listen_shared(Call& call) {
  net::ListenOptions options;
  options.shared_fd = static_cast<int>(call.number());
  options.backlog = static_cast<int>(call.number());
  return start_listening(options, 0);
}

napi_value EngineBinding::address(Call& call) {
  const net::Address address = engine_ == nullptr ? net::Address{} : engine_->transport().address();
  Napi::Object result = Napi::Object::New(env_);
  result.Set("address", address.address);
  result.Set("port", Napi::Number::New(env_, address.port));
  return result;
}

napi_value EngineBinding::stop_listening(Call& call) {
  engine_->stop_listening();
  return nullptr;
}

napi_value EngineBinding::reset_all(Call& call) {
  engine_->reset_all();
  return nullptr;
}

// Lets go of the loop; nothing is told any more.
napi_value EngineBinding::end(Call& call) {
  end_engine();
  return nullptr;
}

// (slot, generation, status, date, fields, body)
napi_value EngineBinding::answer(Call& call) {
  const Handle exchange = call.handle();
  const conn::ResponseOptions options = head_options(call);
  const std::optional<conn::Payload> body = payload(call.next());
  return body ? status(engine_->answer(exchange, options, *body)) : nullptr;
}

// (slot, generation, status, date, fields, length or -1, highWaterMark, first, end)
napi_value EngineBinding::start(Call& call) {
  const Handle exchange = call.handle();
  conn::ResponseOptions options = head_options(call);
  const double length = call.real();
  options.has_length = length >= 0 && length <= static_cast<double>(http::kMaxBodyBytes);
  if (options.has_length) options.length = static_cast<uint64_t>(length);
  options.high_water_mark = call.number();
  const std::optional<conn::Payload> first = payload(call.next());
  return first ? status(engine_->start(exchange, options, *first, call.flag())) : nullptr;
}

// (slot, generation, payload)
napi_value EngineBinding::write(Call& call) {
  const Handle exchange = call.handle();
  const std::optional<conn::Payload> bytes = payload(call.next());
  return bytes ? status(engine_->write(exchange, *bytes)) : nullptr;
}

// (slot, generation, fd, start, length)
napi_value EngineBinding::send_file(Call& call) {
  const Handle exchange = call.handle();
  const auto fd = static_cast<int>(call.number());
  const auto offset = static_cast<uint64_t>(std::max(call.real(), 0.0));
  const auto length = static_cast<uint64_t>(std::max(call.real(), 0.0));
  return status(engine_->send_file(exchange, {.fd = fd, .offset = offset, .length = length}));
}

// (slot, generation, last)
napi_value EngineBinding::finish(Call& call) {
  const Handle exchange = call.handle();
  const std::optional<conn::Payload> last = payload(call.next());
  return last ? status(engine_->finish(exchange, *last)) : nullptr;
}

// (slot, generation)
napi_value EngineBinding::abort(Call& call) {
  engine_->abort(call.handle());
  return nullptr;
}

// (slot, generation) → bytes, a BodyCode, or the name of what is wrong with the chunked coding
napi_value EngineBinding::read_body(Call& call) {
  const conn::BodyRead read = engine_->read_body(call.handle());
  using State = conn::BodyRead::State;
  switch (read.state) {
    case State::bytes: {
      napi_value bytes = nullptr;
      napi_create_buffer_copy(env_, read.bytes.size(), read.bytes.data(), nullptr, &bytes);
      return bytes;
    }
    case State::end:
      return Napi::Number::New(env_, kBodyEnd);
    case State::wait:
      return Napi::Number::New(env_, kBodyWait);
    case State::gone:
      return Napi::Number::New(env_, kBodyGone);
    case State::cut:
      return Napi::Number::New(env_, kBodyCut);
    case State::late:
      return Napi::Number::New(env_, kBodyLate);
    case State::malformed:
      return Napi::String::New(env_, std::string(http::error_name(read.error)));
  }
  return nullptr;
}

// (slot, generation) → address or undefined
napi_value EngineBinding::peer(Call& call) {
  const std::string address = engine_->peer(call.handle());
  if (address.empty()) return nullptr;
  return Napi::String::New(env_, address);
}

napi_value EngineBinding::stats(Call& call) {
  const conn::Stats stats = engine_ == nullptr ? last_stats_ : engine_->stats();
  Napi::Object result = Napi::Object::New(env_);
  const auto set = [&](const char* name, uint64_t value) {
    result.Set(name, Napi::Number::New(env_, static_cast<double>(value)));
  };
  set("connections", stats.connections);
  set("exchanges", stats.exchanges);
  set("connectionsTotal", stats.connections_total);
  set("requestsTotal", stats.requests_total);
  set("bytesWritten", stats.bytes_written);
  set("stalls", stats.stalls);
  set("bufferedBytes", stats.buffered_bytes);
  set("bufferedPeak", stats.buffered_peak);
  set("poolBytes", stats.pool_bytes);
  set("slotsReserved", stats.slots_reserved);
  set("slotBytes", stats.slot_bytes);
  if (const auto jemalloc = memory::jemalloc_figures()) {
    Napi::Object figures = Napi::Object::New(env_);
    figures.Set("name", "jemalloc " + jemalloc->version);
    figures.Set("allocated", Napi::Number::New(env_, static_cast<double>(jemalloc->allocated)));
    figures.Set("active", Napi::Number::New(env_, static_cast<double>(jemalloc->active)));
    figures.Set("resident", Napi::Number::New(env_, static_cast<double>(jemalloc->resident)));
    figures.Set("retained", Napi::Number::New(env_, static_cast<double>(jemalloc->retained)));
    result.Set("allocator", figures);
  }
  return result;
}

// (status, date, fields). Fields are Latin-1, as on the wire.
conn::ResponseOptions EngineBinding::head_options(Call& call) {
  conn::ResponseOptions options;
  options.status = static_cast<uint16_t>(call.number());
  options.date = call.flag();
  napi_value fields = call.next();
  if (fields_.empty()) fields_.resize(kFieldsBytes);
  size_t length = 0;
  napi_get_value_string_latin1(env_, fields, fields_.data(), fields_.size(), &length);
  if (length + 1 == fields_.size()) {  // all of it, or cut off
    napi_get_value_string_latin1(env_, fields, nullptr, 0, &length);
    fields_.resize(length + 1);
    napi_get_value_string_latin1(env_, fields, fields_.data(), fields_.size(), &length);
  }
  options.fields = {fields_.data(), length};
  return options;
}

// Text is encoded into the scratch; a view is passed as it is, and referenced if it has to wait.
// Nothing, and an exception, for what is neither.
std::optional<conn::Payload> EngineBinding::payload(napi_value value) {
  if (value == nullptr) return conn::Payload{};
  if (text_.empty() || text_.size() > kKeptTextBytes) {
    text_.resize(kTextBytes);
    text_.shrink_to_fit();
  }
  // Most payloads are text, so this also asks whether it is.
  size_t length = 0;
  if (napi_get_value_string_utf8(env_, value, text_.data(), text_.size(), &length) == napi_ok) {
    if (length + kUtf8Bytes >= text_.size()) {  // all of it, or cut off in front of a character
      napi_get_value_string_utf8(env_, value, nullptr, 0, &length);
      text_.resize(length + 1);
      napi_get_value_string_utf8(env_, value, text_.data(), text_.size(), &length);
    }
    return conn::Payload{{text_.data(), length}, nullptr};
  }
  napi_valuetype type = napi_undefined;
  napi_typeof(env_, value, &type);
  if (type == napi_undefined || type == napi_null) return conn::Payload{};
  napi_typedarray_type kind = napi_float64_array;
  void* data = nullptr;
  napi_value buffer = nullptr;
  napi_get_typedarray_info(env_, value, &kind, &length, &data, &buffer, nullptr);
  if (kind != napi_uint8_array && kind != napi_uint8_clamped_array && kind != napi_int8_array) {
    napi_throw_type_error(env_, nullptr, "A payload must be a string or a Uint8Array");
    return std::nullopt;
  }
  // Of shared memory, which is no ArrayBuffer here, nothing is kept: its owner may write to it when
  // this call is over.
  bool keeps = false;
  if (buffer != nullptr) napi_is_arraybuffer(env_, buffer, &keeps);
  if (!keeps) return conn::Payload{{static_cast<const char*>(data), length}, nullptr};
  return conn::Payload{{static_cast<const char*>(data), length}, [env = env_, value] {
                         return std::make_unique<ReferencedView>(env, value);
                       }};
}

napi_value EngineBinding::status(conn::WriteStatus status) {
  napi_value result = nullptr;
  napi_create_uint32(env_, static_cast<uint32_t>(status), &result);
  return result;
}

// 0 or the name of the error, which may have been found before.
napi_value EngineBinding::start_listening(const net::ListenOptions& options, int error) {
  if (error == 0) error = engine_ == nullptr ? UV_ECANCELED : engine_->listen(options);
  if (error == 0) return Napi::Number::New(env_, 0);
  return Napi::String::New(env_, uv_err_name(error));
}

// ── life ─────────────────────────────────────────────────────────────────────────────────────────

void EngineBinding::end_engine() {
  if (ending_) return;
  ending_ = true;
  engine_->end([this] { release(); });
}

// Libuv has let go of the engine's last handle, so the environment may go on with its end. What
// stays until then is this object without its memory.
void EngineBinding::release() {
  last_stats_ = engine_->stats();
  engine_.reset();
  broadcast_.reset();
  for (napi_ref reference : {dispatch_, receiver_, events_ref_, arena_ref_}) {
    napi_delete_reference(env_, reference);
  }
  napi_async_destroy(env_, async_context_);
  fields_ = std::vector<char>();  // unlike `{}`, this frees
  text_ = std::vector<char>();
  if (cleanup_hook_ != nullptr) {
    napi_remove_async_cleanup_hook(std::exchange(cleanup_hook_, nullptr));
  }
}

void EngineBinding::on_environment_exit(napi_async_cleanup_hook_handle, void* binding) {
  static_cast<EngineBinding*>(binding)->end_engine();
}

}  // namespace catzilla::bindings
