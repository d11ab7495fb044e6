#include <algorithm>
#include <array>
#include <cmath>
#include <optional>
#include <vector>

#include "bindings/call.h"
#include "bindings/engine_binding.h"

// The part of an engine's face that is about topics. A topic is named by slot and generation, as an
// exchange is.

namespace catzilla::bindings {

namespace {

// The numbers of `TopicTerms` in native-api.ts.
enum TermsAt { kPolicy, kTellsMissed, kMaxFrames, kMaxBytes, kHeartbeatMs, kStallMs, kMinRate };
constexpr size_t kTermsNumbers = 7;

// What JavaScript calls Infinity is no bound.
uint64_t bound(double number) {
  return number >= 0 && number < 9e15 ? static_cast<uint64_t>(number) : UINT64_MAX;
}

uint32_t milliseconds(double number) {
  return number > 0 ? static_cast<uint32_t>(std::ceil(std::min(number, 4e9))) : 0;
}

napi_value numbers(Napi::Env env, const std::vector<Handle>& handles) {
  Napi::Array list = Napi::Array::New(env, 2 * handles.size());
  uint32_t at = 0;
  for (const Handle& handle : handles) {
    list.Set(at++, Napi::Number::New(env, handle.slot));
    list.Set(at++, Napi::Number::New(env, handle.generation));
  }
  return list;
}

}  // namespace

// (newest) → [slot, generation]
napi_value EngineBinding::open_topic(Call& call) {
  return numbers(env_, {broadcast_->open(bound(call.real()))});
}

// (topic slot, topic generation, slot, generation, terms, heartbeat) → whether it joined
napi_value EngineBinding::join(Call& call) {
  const Handle topic = call.handle();
  const Handle exchange = call.handle();
  napi_typedarray_type type = napi_uint8_array;
  size_t length = 0;
  void* data = nullptr;
  napi_get_typedarray_info(env_, call.next(), &type, &length, &data, nullptr, nullptr);
  if (type != napi_float64_array || length != kTermsNumbers) return Napi::Boolean::New(env_, false);
  std::array<double, kTermsNumbers> given;
  std::copy_n(static_cast<const double*>(data), kTermsNumbers, given.begin());

  broadcast::Terms terms;
  terms.policy = static_cast<broadcast::Policy>(bound(given[kPolicy]) & 3);
  terms.tells_missed = given[kTellsMissed] != 0;
  terms.max_frames = bound(given[kMaxFrames]);
  terms.max_bytes = bound(given[kMaxBytes]);
  terms.heartbeat_ms = milliseconds(given[kHeartbeatMs]);
  terms.stall_ms = milliseconds(given[kStallMs]);
  terms.min_bytes_per_second = given[kMinRate];
  const std::optional<conn::Payload> heartbeat = payload(call.next());
  if (!heartbeat) return nullptr;
  if (!heartbeat->bytes.empty())
    terms.heartbeat = memory::FrameRef(memory::SharedFrame::join({&heartbeat->bytes, 1}));
  return Napi::Boolean::New(env_, broadcast_->join(topic, exchange, terms));
}

// (topic slot, topic generation, superseded, frame, exchanges that are left out) → whether anybody
// listens (still), or with what the policies did: [dropped, coalesced, evicted, listens]
napi_value EngineBinding::publish(Call& call) {
  const Handle topic = call.handle();
  const uint64_t superseded = bound(call.real());
  const std::optional<conn::Payload> frame = payload(call.next());
  if (!frame) return nullptr;
  napi_typedarray_type type = napi_uint8_array;
  size_t length = 0;
  void* data = nullptr;
  napi_get_typedarray_info(env_, call.next(), &type, &length, &data, nullptr, nullptr);
  std::vector<Handle> left_out;
  if (type == napi_uint32_array) {
    const auto* pairs = static_cast<const uint32_t*>(data);
    for (size_t at = 0; at + 1 < length; at += 2)
      left_out.push_back({pairs[at], pairs[at + 1]});
  }

  broadcast::Counts counts;
  const bool listens = broadcast_->publish(topic, frame->bytes, superseded, left_out, counts);
  if (counts.dropped + counts.coalesced + counts.evicted == 0)
    return Napi::Boolean::New(env_, listens);
  Napi::Array result = Napi::Array::New(env_, 4);
  uint32_t at = 0;
  for (const uint64_t count : {counts.dropped, counts.coalesced, counts.evicted})
    result.Set(at++, Napi::Number::New(env_, static_cast<double>(count)));
  result.Set(at, Napi::Number::New(env_, listens ? 1 : 0));
  return result;
}

// (topic slot, topic generation)
napi_value EngineBinding::close_topic(Call& call) {
  broadcast_->close(call.handle());
  return nullptr;
}

// (topic slot, topic generation) → the exchanges that are the application's again, by slot and
// generation
napi_value EngineBinding::abort_topic(Call& call) {
  return numbers(env_, broadcast_->abort(call.handle()));
}

// (slot, generation, payload)
napi_value EngineBinding::tell_missed(Call& call) {
  const Handle exchange = call.handle();
  const std::optional<conn::Payload> notice = payload(call.next());
  if (notice) broadcast_->tell_missed(exchange, notice->bytes);
  return nullptr;
}

// (topic slot, topic generation) → [subscribers, frames, bytes]
napi_value EngineBinding::topic_stats(Call& call) {
  const broadcast::TopicStats stats = broadcast_->stats(call.handle());
  Napi::Array result = Napi::Array::New(env_, 3);
  result.Set(0u, Napi::Number::New(env_, stats.subscribers));
  result.Set(1u, Napi::Number::New(env_, static_cast<double>(stats.held_frames)));
  result.Set(2u, Napi::Number::New(env_, static_cast<double>(stats.held_bytes)));
  return result;
}

// (slot, generation) → whether the exchange has joined a topic
napi_value EngineBinding::has_joined(Call& call) {
  return Napi::Boolean::New(env_, broadcast_->has_joined(call.handle()));
}

// () → the exchanges of all that have joined a topic, by slot and generation
napi_value EngineBinding::joined(Call& call) {
  return numbers(env_, broadcast_->exchanges());
}

}  // namespace catzilla::bindings
