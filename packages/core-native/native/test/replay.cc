#include "test/replay.h"

#include <algorithm>
#include <cassert>
#include <cstring>
#include <memory>
#include <span>

#include "http/chars.h"

namespace catzilla::http::test {
namespace {

constexpr size_t kShownBytes = 80;

// A copy that has no byte to spare on either side.
class ExactCopy {
 public:
  explicit ExactCopy(std::string_view bytes) : size_(bytes.size()), data_(new char[bytes.size()]) {
    if (size_ > 0) std::memcpy(data_.get(), bytes.data(), size_);
  }
  std::span<const char> span() const { return {data_.get(), size_}; }

 private:
  size_t size_;
  std::unique_ptr<char[]> data_;
};

}  // namespace

void Replay::feed(std::string_view piece) {
  pending_ += piece;
  bool more = true;
  while (more) {
    switch (expecting_) {
      case Expecting::head:
        more = take_head();
        break;
      case Expecting::sized_body:
        more = take_sized_body();
        break;
      case Expecting::chunked_body:
        more = take_chunked_body();
        break;
      case Expecting::nothing:
        return;
    }
  }
}

const std::vector<std::string>& Replay::finish() {
  if (expecting_ == Expecting::head ? !parser_.idle() : expecting_ != Expecting::nothing) {
    report_body();
    events_.push_back("incomplete");
  }
  return events_;
}

bool Replay::take_head() {
  const ExactCopy copy(pending_);
  switch (parser_.parse(copy.span())) {
    case ParseResult::need_more:
      return false;
    case ParseResult::bad:
      on_error(parser_.error());
      return false;
    case ParseResult::done:
      break;
  }
  on_head();
  return true;
}

bool Replay::take_sized_body() {
  const auto length = static_cast<size_t>(std::min<uint64_t>(missing_, pending_.size()));
  body_ += pending_.substr(0, length);
  pending_.erase(0, length);
  missing_ -= length;
  if (missing_ > 0) return false;
  on_end();
  return true;
}

bool Replay::take_chunked_body() {
  const ExactCopy copy(pending_);
  std::span<const char> rest = copy.span();
  while (!rest.empty()) {
    const auto step = decoder_.decode(rest);
    assert(step.consumed > 0 && step.consumed <= rest.size());
    assert(step.data.size() <= step.consumed);
    assert(step.data.empty() || step.result == ParseResult::need_more);
    body_.append(step.data.begin(), step.data.end());
    rest = rest.subspan(step.consumed);
    if (step.result == ParseResult::bad) {
      on_error(decoder_.error());
      return false;
    }
    if (step.result == ParseResult::done) {
      pending_.assign(rest.begin(), rest.end());
      decoder_.reset();
      on_end();
      return true;
    }
  }
  pending_.clear();
  return false;
}

void Replay::on_head() {
  const RequestHead head = parser_.head();
  const std::string bytes = pending_.substr(0, head.head_length);
  pending_.erase(0, head.head_length);
  parser_.reset();

  const std::string method = bytes.substr(head.method_offset, head.method_length);
  const std::string target = bytes.substr(head.target_offset, head.target_length);
  events_.push_back("request " + method + " " + shown(target) + " HTTP/1." +
                    std::to_string(head.minor_version));

  std::string_view fields = std::string_view(bytes).substr(head.fields_offset, head.fields_length);
  while (!fields.empty()) {
    const std::string_view line = fields.substr(0, fields.find("\r\n"));
    const size_t colon = line.find(':');
    events_.push_back("field " + shown(line.substr(0, colon)) + ": " +
                      shown(trim(line.substr(colon + 1))));
    fields.remove_prefix(line.size() + 2);
  }

  events_.push_back(head.keep_alive ? "keep-alive" : "close");
  if (head.has_upgrade) events_.push_back("upgrade");
  if (head.expect_continue) events_.push_back("expect-continue");
  if (head.chunked) events_.push_back("chunked");
  if (head.has_content_length) {
    events_.push_back("content-length " + std::to_string(head.content_length));
  }

  missing_ = head.content_length;
  expecting_ = head.chunked ? Expecting::chunked_body : Expecting::sized_body;
}

void Replay::on_end() {
  report_body();
  events_.push_back("end");
  expecting_ = Expecting::head;
}

void Replay::on_error(ParseError error) {
  report_body();
  events_.push_back("error " + std::to_string(error_status(error)) + " " +
                    std::string(error_name(error)));
  expecting_ = Expecting::nothing;
}

void Replay::report_body() {
  if (body_.size() > kShownBytes) {
    events_.push_back("body of " + shown(body_));
  } else if (!body_.empty()) {
    events_.push_back("body \"" + escape(body_) + "\"");
  }
  body_.clear();
}

std::vector<std::string> replay(std::string_view input, const std::vector<size_t>& cuts,
                                Limits limits) {
  Replay connection(limits);
  size_t start = 0;
  for (const size_t cut : cuts) {
    connection.feed(input.substr(start, cut - start));
    start = cut;
  }
  connection.feed(input.substr(start));
  return connection.finish();
}

std::string escape(std::string_view bytes) {
  constexpr char kHex[] = "0123456789abcdef";
  std::string text;
  for (const char c : bytes) {
    const auto byte = static_cast<uint8_t>(c);
    switch (c) {
      case '\r':
        text += "\\r";
        continue;
      case '\n':
        text += "\\n";
        continue;
      case '\t':
        text += "\\t";
        continue;
      case '\0':
        text += "\\0";
        continue;
      case '\\':
        text += "\\\\";
        continue;
    }
    if (byte >= 0x20 && byte < 0x7f) {
      text += c;
    } else {
      text += {'\\', 'x', kHex[byte >> 4], kHex[byte & 15]};
    }
  }
  return text;
}

std::string shown(std::string_view bytes) {
  return bytes.size() <= kShownBytes ? escape(bytes) : std::to_string(bytes.size()) + " bytes";
}

std::vector<size_t> places_to_cut(size_t size) {
  constexpr size_t kNear = 300;
  constexpr size_t kStep = 509;
  std::vector<size_t> places;
  for (size_t at = 1; at < size;) {
    places.push_back(at);
    at += at < kNear || at + kNear >= size ? 1 : std::min(kStep, size - kNear - at);
  }
  return places;
}

std::string join_lines(const std::vector<std::string>& lines) {
  std::string text;
  for (const auto& line : lines)
    text += line + "\n";
  return text;
}

}  // namespace catzilla::http::test
