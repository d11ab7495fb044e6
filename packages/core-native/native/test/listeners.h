#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "broadcast/broadcast.h"
#include "test/application.h"

namespace catzilla::test {

// A stage with topics, and an application that answers each request by joining one.
class Listeners : public Stage {
 public:
  explicit Listeners(const conn::Limits& limits = {});
  ~Listeners();

  broadcast::Broadcast broadcast{engine};
  Handle topic;
  broadcast::Counts counts;

  // Connects a peer that listens, to a topic that is opened for the first.
  Peer& listen(const broadcast::Terms& terms = {}, std::string_view request = "");
  bool join(Handle exchange, const broadcast::Terms& terms = {});
  Handle exchange_of(const Peer& peer) { return engine.handle(peer.id); }

  bool publish(std::string_view text, uint64_t superseded = 0, std::vector<Handle> left_out = {});
  // Publishes, and runs until nothing happens any more.
  void say(std::string_view text) {
    publish(text);
    kernel.run();
  }

  // The text in the chunks that came behind the head, all of it.
  static std::string text_of(const Peer& peer);

  uint64_t newest = 0;
};

broadcast::Terms terms(broadcast::Policy policy, uint64_t max_frames,
                       uint64_t max_bytes = UINT64_MAX);
memory::FrameRef frame_of(std::string_view text);

}  // namespace catzilla::test
