#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "http/chunked_decoder.h"
#include "http/request_parser.h"

namespace catzilla::http::test {

// A connection without a socket: bytes in, in any pieces, and a line of text for each event out.
//
//   request GET /x HTTP/1.1
//   field Host: a
//   keep-alive | close
//   upgrade, expect-continue
//   chunked | content-length 5
//   body "hello"
//   end
//
// A target, name, value or body of more than 80 bytes is shown as its size.
//
// After it the next request, or `incomplete` where the input ends too early, or `error 400
// bare-lf`, which is the last event of a connection. The events depend on the bytes alone: the
// tests and the fuzzers cut the same bytes in different places and compare.
//
// Each call into the parsers gets an exact copy of its input in a block of its own, so that the
// address sanitizer sees a read beyond either end, and a pointer kept from one call to the next.
class Replay {
 public:
  explicit Replay(Limits limits = {}) : parser_(limits) {}

  void feed(std::string_view piece);

  // Ends the input. Call once.
  const std::vector<std::string>& finish();

 private:
  enum class Expecting { head, sized_body, chunked_body, nothing };

  bool take_head();
  bool take_sized_body();
  bool take_chunked_body();
  void on_head();
  void on_end();
  void on_error(ParseError error);
  void report_body();

  Expecting expecting_ = Expecting::head;
  RequestParser parser_;
  ChunkedDecoder decoder_;
  uint64_t missing_ = 0;  // of a body with Content-Length
  std::string pending_;   // the partial head, or bytes not yet taken
  std::string body_;
  std::vector<std::string> events_;
};

// The events of `input` in pieces that end at the given places.
std::vector<std::string> replay(std::string_view input, const std::vector<size_t>& cuts = {},
                                Limits limits = {});

// Printable ASCII stays, all else becomes \r, \n, \t, \0, \xHH.
std::string escape(std::string_view bytes);

// Escaped, or the size of what is longer than 80 bytes.
std::string shown(std::string_view bytes);

// Where to cut an input in two: each place of a short one; of a long one those near both ends and
// some between.
std::vector<size_t> places_to_cut(size_t size);

std::string join_lines(const std::vector<std::string>& lines);

}  // namespace catzilla::http::test
