#pragma once

#include <napi.h>

#include <memory>

#include "ring/spsc_ring.h"

namespace catzilla::bindings {

// The ring's C++ face as JavaScript sees it: one end of a ring in a SharedArrayBuffer. Owner: the
// JavaScript object; holds the memory by a reference. Thread: that of the environment.
class RingBinding final : public Napi::ObjectWrap<RingBinding> {
 public:
  static Napi::Function define(Napi::Env env);

  // (Uint8Array over a SharedArrayBuffer). Throws where that holds no ring.
  explicit RingBinding(const Napi::CallbackInfo& info);

 private:
  // Numbers below 0 are −Outcome.
  Napi::Value stage(const Napi::CallbackInfo& info);         // (bytes) → how many were taken
  Napi::Value stage_record(const Napi::CallbackInfo& info);  // (bytes) → 0
  Napi::Value read(const Napi::CallbackInfo& info);          // → bytes
  Napi::Value read_record(const Napi::CallbackInfo& info);   // → bytes
  Napi::Value status(const Napi::CallbackInfo& info);        // → Status
  Napi::Value failure(const Napi::CallbackInfo& info);       // → text
  Napi::Value cancelled(const Napi::CallbackInfo& info);
  // → whether the other end was asleep
  Napi::Value publish(const Napi::CallbackInfo& info);
  Napi::Value end(const Napi::CallbackInfo& info);
  Napi::Value fail(const Napi::CallbackInfo& info);  // (reason)
  Napi::Value release(const Napi::CallbackInfo& info);
  Napi::Value cancel(const Napi::CallbackInfo& info);
  // (bytes to wait for) → 1: sleep now; 2: the consumer was asleep
  Napi::Value arm_producer(const Napi::CallbackInfo& info);
  Napi::Value arm_consumer(const Napi::CallbackInfo& info);  // → whether to sleep now

  Napi::Value copy_of(const ring::Pieces& pieces);
  ring::Producer& producer();
  ring::Consumer& consumer();

  Napi::ObjectReference view_;
  ring::Memory memory_;
  // Made when first used: this object is one end or the other.
  std::unique_ptr<ring::Producer> producer_;
  std::unique_ptr<ring::Consumer> consumer_;
};

}  // namespace catzilla::bindings
