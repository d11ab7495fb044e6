#pragma once

#include <napi.h>

#include <memory>
#include <optional>
#include <vector>

#include "broadcast/broadcast.h"
#include "conn/engine.h"
#include "net/backend.h"

namespace catzilla::bindings {

// One engine as JavaScript sees it: functions over numbers, and two shared buffers in which events
// come.
//
// An event is 8 numbers of `events`; the bytes of a head lie in `arena` until the dispatch call
// returns:
//
//   [ kind | method << 8 | minor version << 16, slot, generation, offset, method length, target
//   length,
//     fields offset (from `offset`), fields length ]
//
// The fourth number of another event is its detail.
//
// Owner: Addon, until the environment ends: a JavaScript function may outlive its engine. Thread:
// that of the environment.
class EngineBinding final : public conn::EventSink {
 public:
  // A head must fit into the arena, or it could never be told.
  static constexpr uint32_t kMaxHeadBytes = 256 * 1024;

  EngineBinding(Napi::Env env, const conn::Limits& limits);
  ~EngineBinding() override;

  // Before anything else, until it succeeds: gives the engine its sockets, and a place on the loop.
  // `false` where the system refuses this backend.
  [[nodiscard]] bool attach(const net::Backend& backend, Napi::Function dispatch);

  // The object that the package's engine.ts wraps.
  Napi::Object face(Napi::Env env);

  // conn::EventSink
  bool has_room(size_t bytes) override;
  void request(Handle exchange, const http::RequestHead& head, Slice bytes) override;
  void notify(conn::EventKind kind, Handle exchange, uint32_t detail) override;
  bool empty() override { return event_count_ == 0; }
  void dispatch() override;

 private:
  static constexpr size_t kEventWords = 8;
  static constexpr size_t kEventCapacity = 2048;
  static constexpr size_t kArenaBytes = kMaxHeadBytes;

  class Call;

  // What a function of the face does when its engine is no more.
  enum class AfterEnd : uint8_t { nothing, gone, works };

  template <napi_value (EngineBinding::*member)(Call&), AfterEnd after_end>
  void method(Napi::Object& face, const char* name);

  napi_value listen(Call& call);
  napi_value listen_shared(Call& call);
  napi_value address(Call& call);
  napi_value stop_listening(Call& call);
  napi_value reset_all(Call& call);
  napi_value end(Call& call);
  napi_value answer(Call& call);
  napi_value start(Call& call);
  napi_value write(Call& call);
  napi_value send_file(Call& call);
  napi_value finish(Call& call);
  napi_value abort(Call& call);
  napi_value read_body(Call& call);
  napi_value peer(Call& call);
  napi_value stats(Call& call);

  // Topics, in broadcast_binding.cc
  napi_value open_topic(Call& call);
  napi_value join(Call& call);
  napi_value publish(Call& call);
  napi_value close_topic(Call& call);
  napi_value abort_topic(Call& call);
  napi_value tell_missed(Call& call);
  napi_value topic_stats(Call& call);
  napi_value has_joined(Call& call);
  napi_value joined(Call& call);

  conn::ResponseOptions head_options(Call& call);
  std::optional<conn::Payload> payload(napi_value value);
  napi_value status(conn::WriteStatus status);

  napi_value start_listening(const net::ListenOptions& options, int error);
  void end_engine();
  void release();

  static void on_environment_exit(napi_async_cleanup_hook_handle hook, void* binding);

  napi_env env_;
  std::unique_ptr<conn::Engine> engine_;
  std::unique_ptr<broadcast::Broadcast> broadcast_;  // ends behind it
  const char* backend_ = "";
  napi_async_cleanup_hook_handle cleanup_hook_ = nullptr;
  napi_async_context async_context_ = nullptr;
  napi_ref dispatch_ = nullptr;
  napi_ref receiver_ = nullptr;
  napi_ref events_ref_ = nullptr;
  napi_ref arena_ref_ = nullptr;
  uint32_t* events_ = nullptr;
  char* arena_ = nullptr;
  size_t event_count_ = 0;
  size_t arena_used_ = 0;
  bool ending_ = false;
  conn::Stats last_stats_;
  std::vector<char> fields_;  // scratch for one call
  std::vector<char> text_;
};

}  // namespace catzilla::bindings
