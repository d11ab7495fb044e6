#pragma once

#include <cstddef>
#include <cstdint>

#include "bindings/engine_binding.h"

namespace catzilla::bindings {

// The arguments of one call. Missing ones, and ones of another type, read as 0 or empty.
class EngineBinding::Call {
 public:
  Call(napi_env env, napi_callback_info info) : env_(env) {
    napi_get_cb_info(env, info, &count_, arguments_, nullptr, &data_);
  }

  EngineBinding& binding() { return *static_cast<EngineBinding*>(data_); }
  napi_value next() { return at_ < kMost ? arguments_[at_++] : nullptr; }

  uint32_t number() {
    uint32_t value = 0;
    napi_get_value_uint32(env_, next(), &value);
    return value;
  }
  double real() {
    double value = 0;
    napi_get_value_double(env_, next(), &value);
    return value;
  }
  bool flag() {
    bool value = false;
    napi_get_value_bool(env_, next(), &value);
    return value;
  }
  Handle handle() {
    const uint32_t slot = number();
    return {slot, number()};
  }

 private:
  static constexpr size_t kMost = 9;
  napi_env env_;
  void* data_ = nullptr;
  size_t count_ = kMost;
  size_t at_ = 0;
  napi_value arguments_[kMost];
};

}  // namespace catzilla::bindings
