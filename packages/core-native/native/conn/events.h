#pragma once

#include <cstddef>
#include <cstdint>

#include "base/slab.h"
#include "base/slice.h"
#include "http/request_parser.h"

namespace catzilla::conn {

// What the application hears of an exchange, besides its request.
enum class EventKind : uint8_t {
  request = 1,
  body_readable = 2,  // asked for by read_body(): there are bytes, the end, or an error
  drained = 3,      // below the low-water mark again; after the end, everything is with the kernel
  half_closed = 4,  // FIN: the peer sends no more, and may still be reading
  lost = 5,         // the peer is gone; the exchange is over
  all_closed = 6,   // the last connection is gone, after stop_listening()
  failed = 7,       // what was written cannot be sent: a buffer was taken away, a file ended early;
                    // the exchange is over
  released = 8,     // a feed has let go of the exchange, which is the application's again; with why
  missed = 9,       // a feed waits for what the application says of lost frames; with their number
};

// Collects the events of one wake and hands them to the application in one call.
class EventSink {
 public:
  virtual ~EventSink() = default;

  // Whether one more event fits, with `bytes` of a head.
  virtual bool has_room(size_t bytes) = 0;
  virtual void request(Handle exchange, const http::RequestHead& head, Slice bytes) = 0;
  virtual void notify(EventKind kind, Handle exchange, uint32_t detail = 0) = 0;

  virtual bool empty() = 0;
  // The application may call back into the engine for any connection meanwhile.
  virtual void dispatch() = 0;
};

}  // namespace catzilla::conn
