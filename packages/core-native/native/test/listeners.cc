#include "test/listeners.h"

#include "http/chunked_decoder.h"

namespace catzilla::test {

Listeners::Listeners(const conn::Limits& limits) : Stage(limits) {}

// Before the topics go, the engine must have left them.
Listeners::~Listeners() {
  end();
  kernel.run();
}

Peer& Listeners::listen(const broadcast::Terms& terms, std::string_view request) {
  Peer& peer = open(request.empty() ? get("/") : std::string(request));
  CONTRACT(start() == conn::WriteStatus::ok);
  CONTRACT(join(exchange(), terms));
  return peer;
}

bool Listeners::join(Handle exchange, const broadcast::Terms& terms) {
  if (broadcast.stats(topic).subscribers == 0) topic = broadcast.open(newest);
  return broadcast.join(topic, exchange, terms);
}

bool Listeners::publish(std::string_view text, uint64_t superseded, std::vector<Handle> left_out) {
  ++newest;
  return broadcast.publish(topic, slice_of(text), superseded, left_out, counts);
}

std::string Listeners::text_of(const Peer& peer) {
  const std::string_view received = peer.received;
  const size_t body = received.find("\r\n\r\n");
  if (body == received.npos) return "";
  http::ChunkedDecoder decoder;
  std::string text;
  for (Slice rest = slice_of(received.substr(body + 4)); !rest.empty();) {
    const auto step = decoder.decode(rest);
    text.append(step.data.begin(), step.data.end());
    rest = rest.subspan(step.consumed);
    CONTRACT(step.result != http::ParseResult::bad);
    if (step.result == http::ParseResult::done) return text + "|";
  }
  return text;
}

broadcast::Terms terms(broadcast::Policy policy, uint64_t max_frames, uint64_t max_bytes) {
  broadcast::Terms terms;
  terms.policy = policy;
  terms.max_frames = max_frames;
  terms.max_bytes = max_bytes;
  return terms;
}

memory::FrameRef frame_of(std::string_view text) {
  const Slice part = slice_of(text);
  return memory::FrameRef(memory::SharedFrame::join({&part, 1}));
}

}  // namespace catzilla::test
