#include "bindings/ring_binding.h"

#include <string>

namespace catzilla::bindings {

namespace {

Slice bytes_of(const Napi::Value& value) {
  if (!value.IsTypedArray()) return {};
  void* data = nullptr;
  size_t length = 0;
  napi_typedarray_type type = napi_uint8_array;
  napi_get_typedarray_info(value.Env(), value, &type, &length, &data, nullptr, nullptr);
  if (type != napi_uint8_array || data == nullptr) return {};
  return {static_cast<const char*>(data), length};
}

Napi::Value refused(Napi::Env env, ring::Outcome outcome) {
  return Napi::Number::New(env, -static_cast<int>(outcome));
}

}  // namespace

Napi::Function RingBinding::define(Napi::Env env) {
  return DefineClass(env, "NativeRing",
                     {
                         InstanceMethod<&RingBinding::stage>("stage"),
                         InstanceMethod<&RingBinding::stage_record>("stageRecord"),
                         InstanceMethod<&RingBinding::publish>("publish"),
                         InstanceMethod<&RingBinding::end>("end"),
                         InstanceMethod<&RingBinding::fail>("fail"),
                         InstanceMethod<&RingBinding::cancelled>("cancelled"),
                         InstanceMethod<&RingBinding::arm_producer>("armProducer"),
                         InstanceMethod<&RingBinding::read>("read"),
                         InstanceMethod<&RingBinding::read_record>("readRecord"),
                         InstanceMethod<&RingBinding::release>("release"),
                         InstanceMethod<&RingBinding::status>("status"),
                         InstanceMethod<&RingBinding::failure>("failure"),
                         InstanceMethod<&RingBinding::cancel>("cancel"),
                         InstanceMethod<&RingBinding::arm_consumer>("armConsumer"),
                     });
}

RingBinding::RingBinding(const Napi::CallbackInfo& info) : Napi::ObjectWrap<RingBinding>(info) {
  const Slice bytes = bytes_of(info[0]);
  // Only shared memory stays where it is as long as it is referenced: a plain buffer can be
  // transferred away. Node-API knows a SharedArrayBuffer as a typed array's buffer that is none.
  const bool shared =
      !bytes.empty() && !info[0].As<Napi::TypedArray>().Get("buffer").IsArrayBuffer();
  if (!shared || !memory_.open(const_cast<char*>(bytes.data()), bytes.size())) {
    Napi::TypeError::New(info.Env(), "This memory holds no ring").ThrowAsJavaScriptException();
    return;
  }
  view_ = Napi::Persistent(info[0].As<Napi::Object>());
}

// The ends are made on first use, and only here: without memory, no object is handed out.
ring::Producer& RingBinding::producer() {
  if (producer_ == nullptr) producer_ = std::make_unique<ring::Producer>(memory_);
  return *producer_;
}

ring::Consumer& RingBinding::consumer() {
  if (consumer_ == nullptr) consumer_ = std::make_unique<ring::Consumer>(memory_);
  return *consumer_;
}

Napi::Value RingBinding::stage(const Napi::CallbackInfo& info) {
  uint32_t taken = 0;
  const ring::Outcome outcome = producer().stage(bytes_of(info[0]), &taken);
  if (outcome == ring::Outcome::ok) return Napi::Number::New(info.Env(), taken);
  return refused(info.Env(), outcome);
}

Napi::Value RingBinding::stage_record(const Napi::CallbackInfo& info) {
  return refused(info.Env(), producer().stage_record(bytes_of(info[0])));
}

Napi::Value RingBinding::publish(const Napi::CallbackInfo& info) {
  return Napi::Boolean::New(info.Env(), producer().publish());
}

Napi::Value RingBinding::end(const Napi::CallbackInfo& info) {
  return Napi::Boolean::New(info.Env(), producer().end());
}

Napi::Value RingBinding::fail(const Napi::CallbackInfo& info) {
  const std::string reason = info[0].IsString() ? info[0].As<Napi::String>().Utf8Value() : "";
  return Napi::Boolean::New(info.Env(), producer().fail(reason));
}

Napi::Value RingBinding::cancelled(const Napi::CallbackInfo& info) {
  return Napi::Boolean::New(info.Env(), producer().cancelled());
}

Napi::Value RingBinding::arm_producer(const Napi::CallbackInfo& info) {
  const uint32_t bytes = info[0].IsNumber() ? info[0].As<Napi::Number>().Uint32Value() : 1;
  bool wake = false;
  const bool sleep = producer().arm(bytes, &wake);
  return Napi::Number::New(info.Env(), (sleep ? 1 : 0) | (wake ? 2 : 0));
}

Napi::Value RingBinding::read(const Napi::CallbackInfo& info) {
  ring::Pieces pieces;
  const ring::Outcome outcome = consumer().peek(&pieces);
  return outcome == ring::Outcome::ok ? copy_of(pieces) : refused(info.Env(), outcome);
}

Napi::Value RingBinding::read_record(const Napi::CallbackInfo& info) {
  ring::Pieces pieces;
  const ring::Outcome outcome = consumer().peek_record(&pieces);
  return outcome == ring::Outcome::ok ? copy_of(pieces) : refused(info.Env(), outcome);
}

Napi::Value RingBinding::release(const Napi::CallbackInfo& info) {
  return Napi::Boolean::New(info.Env(), consumer().release());
}

Napi::Value RingBinding::status(const Napi::CallbackInfo& info) {
  return Napi::Number::New(info.Env(), static_cast<int>(consumer().status()));
}

Napi::Value RingBinding::failure(const Napi::CallbackInfo& info) {
  return Napi::String::New(info.Env(), std::string(consumer().failure()));
}

Napi::Value RingBinding::cancel(const Napi::CallbackInfo& info) {
  return Napi::Boolean::New(info.Env(), consumer().cancel());
}

Napi::Value RingBinding::arm_consumer(const Napi::CallbackInfo& info) {
  return Napi::Boolean::New(info.Env(), consumer().arm());
}

// And goes on behind them.
Napi::Value RingBinding::copy_of(const ring::Pieces& pieces) {
  auto bytes = Napi::Uint8Array::New(Env(), pieces.size());
  if (Env().IsExceptionPending()) return {};
  if (bytes.ByteLength() == pieces.size()) pieces.copy_to(reinterpret_cast<char*>(bytes.Data()));
  consumer().take();
  return bytes;
}

}  // namespace catzilla::bindings
