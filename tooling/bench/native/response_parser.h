// A strict, resumable HTTP/1.1 response parser: a figure only counts if every answer behind it was
// complete and well formed.
//
//   head ─┬─ Content-Length ──▶ fixed_body ─────────────────────────────────────▶ done
//         └─ chunked ──▶ size_digits ─▶ size_lf ─▶ chunk_data ─▶ chunk_cr ─▶ chunk_lf ─┐
//                             ▲                                                        │
//                             └────────────────────────────────────────────────────────┘
//                        (size 0) size_lf ─▶ final_cr ─▶ final_lf ─▶ done
//
// Stricter than RFC 9112 where leniency could hide a fault: no chunk extensions, no trailer fields,
// no body that ends with the connection. No server here has a reason to send them, and the last one
// cannot be told from a truncation.
#pragma once

#include <strings.h>

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>

namespace bench {

class ResponseParser {
 public:
  // Takes bytes up to the end of the answer and returns how many; fewer than `size` means more came
  // than the answer has. `on_body(data, size)` gets the payload without framing, valid during the
  // call.
  template <typename OnBody>
  size_t feed(const char* data, size_t size, OnBody&& on_body);

  bool done() const { return state_ == State::done; }
  // Why the bytes are not a valid answer; null while they are.
  const char* error() const { return error_; }

  int status() const { return status_; }
  bool chunked() const { return chunked_; }
  bool closes_connection() const { return closes_; }
  uint64_t body_bytes() const { return body_bytes_; }
  uint64_t chunks() const { return chunks_; }

  // Payload bytes certain to come next: a client may discard up to so many unread and report them
  // with `skip`.
  uint64_t skippable() const {
    return state_ == State::chunk_data || state_ == State::fixed_body ? left_ : 0;
  }
  void skip(uint64_t bytes) { take_body(bytes); }

  void reset() { *this = ResponseParser(); }

 private:
  enum class State {
    head,
    fixed_body,
    size_digits,
    size_lf,
    chunk_data,
    chunk_cr,
    chunk_lf,
    final_cr,
    final_lf,
    done,
    bad
  };

  static constexpr size_t kMaxHeadBytes = 16 * 1024;

  size_t feed_head(const char* data, size_t size);
  void parse_head(std::string_view head);
  void parse_field(std::string_view line);
  void begin_body();
  void take_framing(char byte);
  void take_body(uint64_t bytes);
  void fail(const char* reason) {
    state_ = State::bad;
    error_ = reason;
  }

  State state_ = State::head;
  bool chunked_ = false;
  bool closes_ = false;
  bool has_length_ = false;
  int size_digits_ = 0;  // of the chunk size being read: none is an error, and so are more than fit
  int status_ = 0;
  uint64_t left_ = 0;  // payload bytes left of the fixed body or of the chunk
  uint64_t body_bytes_ = 0;
  uint64_t chunks_ = 0;
  const char* error_ = nullptr;
  std::string partial_head_;  // used only when a head arrives in pieces
};

template <typename OnBody>
size_t ResponseParser::feed(const char* data, size_t size, OnBody&& on_body) {
  size_t used = state_ == State::head ? feed_head(data, size) : 0;
  while (used < size && state_ != State::done && state_ != State::bad) {
    if (state_ == State::fixed_body || state_ == State::chunk_data) {
      size_t taken = static_cast<size_t>(std::min<uint64_t>(left_, size - used));
      on_body(data + used, taken);
      take_body(taken);
      used += taken;
    } else {
      take_framing(data[used++]);
    }
  }
  return used;
}

inline size_t ResponseParser::feed_head(const char* data, size_t size) {
  static constexpr std::string_view kEnd = "\r\n\r\n";
  std::string_view input(data, size);
  if (partial_head_.empty()) {
    if (size_t end = input.find(kEnd); end != std::string_view::npos) {
      parse_head(input.substr(0, end + 2));
      return end + kEnd.size();
    }
  }
  size_t before = partial_head_.size();
  partial_head_.append(input);
  // The blank line may lie across the cut, so the search starts three bytes before it.
  size_t end = partial_head_.find(kEnd, before < 3 ? 0 : before - 3);
  if (end == std::string::npos) {
    if (partial_head_.size() > kMaxHeadBytes) fail("the head of the answer is too large");
    return size;
  }
  parse_head(std::string_view(partial_head_).substr(0, end + 2));
  return end + kEnd.size() - before;
}

// `head` is the status line and the field lines, each with its CRLF.
inline void ResponseParser::parse_head(std::string_view head) {
  static constexpr std::string_view kVersion = "HTTP/1.1 ";
  size_t line_end = head.find("\r\n");
  std::string_view status_line = head.substr(0, line_end);
  std::string_view code = status_line.substr(std::min(kVersion.size(), status_line.size()), 3);
  bool digits = code.size() == 3 &&
                std::all_of(code.begin(), code.end(), [](char c) { return c >= '0' && c <= '9'; });
  if (!status_line.starts_with(kVersion) || !digits)
    return fail("the answer has no valid status line");
  status_ = (code[0] - '0') * 100 + (code[1] - '0') * 10 + (code[2] - '0');
  for (head.remove_prefix(line_end + 2); !head.empty() && state_ != State::bad;
       head.remove_prefix(line_end + 2)) {
    line_end = head.find("\r\n");
    parse_field(head.substr(0, line_end));
  }
  if (state_ != State::bad) begin_body();
}

inline void ResponseParser::parse_field(std::string_view line) {
  size_t colon = line.find(':');
  if (colon == 0 || colon == std::string_view::npos) return fail("a field of the head has no name");
  std::string_view name = line.substr(0, colon);
  std::string_view value = line.substr(colon + 1);
  while (!value.empty() && (value.front() == ' ' || value.front() == '\t'))
    value.remove_prefix(1);
  while (!value.empty() && (value.back() == ' ' || value.back() == '\t'))
    value.remove_suffix(1);
  auto is = [](std::string_view text, std::string_view expected) {
    return text.size() == expected.size() &&
           strncasecmp(text.data(), expected.data(), text.size()) == 0;
  };
  if (is(name, "content-length")) {
    if (has_length_ || value.empty() || value.size() > 18)
      return fail("Content-Length is doubled or not a number");
    for (char c : value) {
      if (c < '0' || c > '9') return fail("Content-Length is not a number");
      left_ = left_ * 10 + static_cast<uint64_t>(c - '0');
    }
    has_length_ = true;
  } else if (is(name, "transfer-encoding")) {
    if (chunked_ || !is(value, "chunked")) return fail("Transfer-Encoding is not `chunked`");
    chunked_ = true;
  } else if (is(name, "connection")) {
    closes_ = is(value, "close");
  }
}

inline void ResponseParser::begin_body() {
  if (status_ < 200) return fail("the answer is an interim one");
  if (chunked_ && has_length_)
    return fail("the answer has both Content-Length and Transfer-Encoding");
  if (chunked_) {
    state_ = State::size_digits;
  } else if (has_length_) {
    state_ = left_ == 0 ? State::done : State::fixed_body;
  } else if (status_ == 204 || status_ == 304) {
    state_ = State::done;
  } else {
    fail("the body ends with the connection, so a truncation could not be seen");
  }
}

// RFC 9112 §7.1: chunk = 1*HEXDIG CRLF data CRLF; the last one has size zero and is followed by an
// empty line.
inline void ResponseParser::take_framing(char byte) {
  switch (state_) {
    case State::size_digits: {
      int digit = byte >= '0' && byte <= '9'   ? byte - '0'
                  : byte >= 'a' && byte <= 'f' ? byte - 'a' + 10
                  : byte >= 'A' && byte <= 'F' ? byte - 'A' + 10
                                               : -1;
      if (digit >= 0) {
        if (++size_digits_ > 15) return fail("a chunk size has too many digits");
        left_ = left_ * 16 + static_cast<uint64_t>(digit);
      } else if (byte == '\r' && size_digits_ > 0) {
        size_digits_ = 0;
        state_ = State::size_lf;
      } else {
        fail("a chunk size is not a hexadecimal number followed by CRLF");
      }
      return;
    }
    case State::size_lf:
      if (byte != '\n') return fail("a chunk size is not followed by CRLF");
      if (left_ == 0) {
        state_ = State::final_cr;
      } else {
        ++chunks_;
        state_ = State::chunk_data;
      }
      return;
    case State::chunk_cr:
      if (byte != '\r') return fail("a chunk is longer than its size says");
      state_ = State::chunk_lf;
      return;
    case State::chunk_lf:
      if (byte != '\n') return fail("a chunk is not followed by CRLF");
      state_ = State::size_digits;
      return;
    case State::final_cr:
      if (byte != '\r') return fail("the last chunk is not followed by an empty line");
      state_ = State::final_lf;
      return;
    case State::final_lf:
      if (byte != '\n') return fail("the last chunk is not followed by an empty line");
      state_ = State::done;
      return;
    default:
      return;
  }
}

inline void ResponseParser::take_body(uint64_t bytes) {
  left_ -= bytes;
  body_bytes_ += bytes;
  if (left_ == 0) state_ = chunked_ ? State::chunk_cr : State::done;
}

}  // namespace bench
