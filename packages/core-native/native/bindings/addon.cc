#include <napi.h>
#include <uv.h>

#include <algorithm>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "bindings/engine_binding.h"
#include "bindings/ring_binding.h"
#include "conn/limits.h"
#include "net/backend.h"
#include "net/port_reservation.h"

namespace catzilla::bindings {

namespace {

// All state of one environment: the main thread and each worker have their own.
struct Addon {
  std::vector<std::unique_ptr<EngineBinding>> engines;
  std::vector<std::unique_ptr<net::PortReservation>> reservations;
};

uint64_t wide_option(const Napi::Object& options, const char* name, uint64_t fallback) {
  constexpr double kMost = 9007199254740991;  // of a JavaScript integer
  const Napi::Value value = options.Get(name);
  const double number = value.IsNumber() ? value.As<Napi::Number>().DoubleValue() : 0;
  if (!(number > 0)) return fallback;
  return static_cast<uint64_t>(std::clamp<double>(number, 1, kMost));
}

uint32_t option(const Napi::Object& options, const char* name, uint32_t fallback) {
  return static_cast<uint32_t>(
      std::min<uint64_t>(wide_option(options, name, fallback), UINT32_MAX));
}

// (limits, dispatch, backend or undefined) → the face of a new engine; undefined where the system
// refuses the backend. Without one, the first that it does not refuse.
Napi::Value create_engine(const Napi::CallbackInfo& info) {
  if (!info[0].IsObject() || !info[1].IsFunction()) {
    Napi::TypeError::New(info.Env(), "createEngine(limits, dispatch, backend)")
        .ThrowAsJavaScriptException();
    return {};
  }
  const auto options = info[0].As<Napi::Object>();
  conn::Limits limits;
  limits.http.max_target_bytes = option(options, "maxTargetBytes", limits.http.max_target_bytes);
  limits.http.max_head_bytes = std::min(option(options, "maxHeadBytes", limits.http.max_head_bytes),
                                        EngineBinding::kMaxHeadBytes);
  limits.http.max_fields = option(options, "maxFields", limits.http.max_fields);
  limits.head_timeout_ms = option(options, "headTimeoutMs", limits.head_timeout_ms);
  limits.keep_alive_timeout_ms =
      option(options, "keepAliveTimeoutMs", limits.keep_alive_timeout_ms);
  limits.body_timeout_ms = option(options, "bodyTimeoutMs", limits.body_timeout_ms);
  limits.write_timeout_ms = option(options, "writeTimeoutMs", limits.write_timeout_ms);
  limits.linger_timeout_ms = option(options, "lingerTimeoutMs", limits.linger_timeout_ms);
  limits.max_connections = option(options, "maxConnections", limits.max_connections);
  limits.max_buffered_bytes = wide_option(options, "maxBufferedBytes", limits.max_buffered_bytes);
  if (info.Env().IsExceptionPending()) return {};  // a getter threw

  const std::string wanted = info[2].IsString() ? info[2].As<Napi::String>().Utf8Value() : "";
  auto engine = std::make_unique<EngineBinding>(info.Env(), limits);
  for (const net::Backend& backend : net::backends()) {
    if (!wanted.empty() && wanted != backend.name) continue;
    if (!engine->attach(backend, info[1].As<Napi::Function>())) continue;
    auto* addon = info.Env().GetInstanceData<Addon>();
    addon->engines.push_back(std::move(engine));
    return addon->engines.back()->face(info.Env());
  }
  return info.Env().Undefined();
}

// (address, port, backlog, reusePort) → { descriptor, address, port }, or the name of the error
Napi::Value reserve_port(const Napi::CallbackInfo& info) {
  net::ListenOptions options;
  const double port = info[1].IsNumber() ? info[1].As<Napi::Number>().DoubleValue() : -1;
  const bool whole = port >= 0 && port <= UINT16_MAX && port == static_cast<uint16_t>(port);
  if (!info[0].IsString() || !whole || !info[2].IsNumber())
    return Napi::String::New(info.Env(), uv_err_name(UV_EINVAL));
  options.address = info[0].As<Napi::String>().Utf8Value();
  options.port = static_cast<uint16_t>(port);
  options.backlog = info[2].As<Napi::Number>().Int32Value();
  options.reuse_port = info[3].IsBoolean() && info[3].As<Napi::Boolean>().Value();
  std::unique_ptr<net::PortReservation> reservation;
  if (const int error = net::PortReservation::make(options, reservation); error != 0)
    return Napi::String::New(info.Env(), uv_err_name(error));
  Napi::Object result = Napi::Object::New(info.Env());
  result.Set("descriptor", Napi::Number::New(info.Env(), reservation->fd()));
  result.Set("address", reservation->address().address);
  result.Set("port", Napi::Number::New(info.Env(), reservation->address().port));
  info.Env().GetInstanceData<Addon>()->reservations.push_back(std::move(reservation));
  return result;
}

// (descriptor). Only what was reserved by this environment is ever closed.
Napi::Value release_port(const Napi::CallbackInfo& info) {
  const int fd = info[0].IsNumber() ? info[0].As<Napi::Number>().Int32Value() : -1;
  std::erase_if(info.Env().GetInstanceData<Addon>()->reservations,
                [fd](const auto& reservation) { return reservation->fd() == fd; });
  return info.Env().Undefined();
}

Napi::Object initialize(Napi::Env env, Napi::Object exports) {
  env.SetInstanceData(new Addon);
  Napi::Array names = Napi::Array::New(env);
  for (const net::Backend& backend : net::backends())
    names.Set(names.Length(), backend.name);
  exports.Set("backends", names);
  exports.Set("spreadsConnections", Napi::Boolean::New(env, net::kSpreadsConnections));
  exports.Set("sharesListeners", Napi::Boolean::New(env, net::kSharesListeners));
  exports.Set("reservePort", Napi::Function::New<reserve_port>(env, "reservePort"));
  exports.Set("releasePort", Napi::Function::New<release_port>(env, "releasePort"));
  exports.Set("createEngine", Napi::Function::New<create_engine>(env, "createEngine"));
  exports.Set("NativeRing", RingBinding::define(env));
  return exports;
}

}  // namespace

NODE_API_MODULE(NODE_GYP_MODULE_NAME, initialize)

}  // namespace catzilla::bindings
