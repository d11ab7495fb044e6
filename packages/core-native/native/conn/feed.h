#pragma once

#include <cstdint>

namespace catzilla::conn {

// Native code that writes the bodies of some exchanges, in the application's place. What it writes
// with names the exchange by the slot of its connection; `id` is its own name for it.
//
// Called by the engine, never from inside Engine::feed() but for on_left(). Thread: loop.
class Feed {
 public:
  static constexpr uint32_t kNone = UINT32_MAX;

  virtual ~Feed() = default;

  // All that was written is with the kernel, after Engine::feed() said `blocked`.
  virtual void on_room(uint32_t id) = 0;
  // The peer has finished sending, and may still be reading.
  virtual void on_half_closed(uint32_t id) = 0;
  // The time of Engine::set_feed_deadline() is over.
  virtual void on_deadline(uint32_t id) = 0;
  // The exchange is over, or its peer lost: the feed has no part in it any more.
  virtual void on_left(uint32_t id) = 0;

  // What is to be told to the application goes to the event sink, as far as there is room.
  virtual void on_tell() = 0;
  // The application has heard everything of this wake. Whether there is more to send in the next.
  virtual bool on_serve() = 0;
};

}  // namespace catzilla::conn
