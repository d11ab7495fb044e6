// The long bodies of the floor server. Each knows what is left to send and sends it until the
// socket is full.
#pragma once

#include <fcntl.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/uio.h>

#include <algorithm>
#include <charconv>
#include <string>
#include <string_view>
#include <vector>

#include "socket.h"

namespace bench {

enum class Progress { done, blocked, failed };

#define BENCH_HEAD(type, more)                                                                \
  "HTTP/1.1 200 OK\r\nContent-Type: " type "\r\nDate: Thu, 01 Jan 1970 00:00:00 GMT\r\n" more \
  "\r\n\r\n"

constexpr std::string_view kStreamHead =
    BENCH_HEAD("text/plain; charset=utf-8", "Transfer-Encoding: chunked");
constexpr std::string_view kBytesHead =
    BENCH_HEAD("application/octet-stream", "Transfer-Encoding: chunked");

class Body {
 public:
  virtual ~Body() = default;
  virtual Progress send_to(int fd) = 0;
};

// A body that is made frame by frame, so that a slow reader costs one frame of memory.
class FramedBody : public Body {
 public:
  Progress send_to(int fd) override {
    while (sent_ < frame_.size() || next_frame()) {
      ssize_t sent = send(fd, frame_.data() + sent_, frame_.size() - sent_, MSG_NOSIGNAL);
      if (sent < 0) return errno == EAGAIN ? Progress::blocked : Progress::failed;
      sent_ += static_cast<size_t>(sent);
    }
    return Progress::done;
  }

 protected:
  // Appends the payload of the next frame; false when it was the last.
  virtual bool append_payload(std::string& frame, bool first) = 0;

 private:
  bool next_frame() {
    if (ended_) return false;
    bool first = frame_.empty();
    frame_ = first ? kStreamHead : "";
    sent_ = 0;
    size_t size_at = frame_.size();
    frame_ += "00000\r\n";  // room for the chunk size; leading zeros are valid (RFC 9112 §7.1)
    size_t data_at = frame_.size();
    ended_ = !append_payload(frame_, first);
    static constexpr char kHex[] = "0123456789abcdef";
    size_t size = frame_.size() - data_at;
    for (size_t i = 0; i < 5; ++i)
      frame_[size_at + i] = kHex[size >> (4 * (4 - i)) & 15];
    frame_ += ended_ ? "\r\n0\r\n\r\n" : "\r\n";
    return true;
  }

  std::string frame_;
  size_t sent_ = 0;
  bool ended_ = false;
};

// One million lines, made one at a time as the generators of the contestants make them.
class Items : public FramedBody {
 private:
  static constexpr uint32_t kItems = 1'000'000;
  static constexpr size_t kFrameBytes = 32 * 1024;
  // A stream shows something early, and a long first frame would delay it.
  static constexpr size_t kFirstFrameBytes = 1024;

  bool append_payload(std::string& frame, bool first) override {
    size_t limit = frame.size() + (first ? kFirstFrameBytes : kFrameBytes);
    char digits[10];
    while (item_ < kItems && frame.size() < limit) {
      char* end = std::to_chars(digits, digits + sizeof digits, item_++).ptr;
      frame.append("Data ", 5).append(digits, static_cast<size_t>(end - digits)).push_back('\n');
    }
    return item_ < kItems;
  }

  uint32_t item_ = 0;
};

// The same line for ever.
class Endless : public FramedBody {
 private:
  static constexpr std::string_view kLine = "An endless stream says this again and again.\n";
  static constexpr size_t kFrameBytes = 32 * 1024;

  bool append_payload(std::string& frame, bool) override {
    for (size_t limit = frame.size() + kFrameBytes; frame.size() < limit;)
      frame += kLine;
    return true;
  }
};

// Buffers of 64 KiB, one transfer chunk each, sent from where they lie.
class Buffers : public Body {
 public:
  explicit Buffers(size_t buffers_per_call) : buffers_per_call_(buffers_per_call) {}

  Progress send_to(int fd) override {
    while (next_ < kBuffers || !pieces_.empty()) {
      if (pieces_.empty()) gather();
      msghdr message{};
      message.msg_iov = pieces_.data() + first_;
      message.msg_iovlen = pieces_.size() - first_;
      ssize_t sent = sendmsg(fd, &message, MSG_NOSIGNAL);
      if (sent < 0) return errno == EAGAIN ? Progress::blocked : Progress::failed;
      drop(static_cast<size_t>(sent));
    }
    return Progress::done;
  }

 private:
  static constexpr size_t kBuffers = 8192;
  static constexpr size_t kBufferBytes = 64 * 1024;

  void gather() {
    static const std::string buffer = content();
    if (next_ == 0) add(kBytesHead);
    for (size_t i = 0; i < buffers_per_call_ && next_ < kBuffers; ++i, ++next_) {
      add(next_ == 0 ? "10000\r\n" : "\r\n10000\r\n");
      add(buffer);
    }
    if (next_ == kBuffers) add("\r\n0\r\n\r\n");
  }

  // `buffer[i] = i * 31 + (i >> 8)`, as in content.mjs.
  static std::string content() {
    std::string bytes(kBufferBytes, '\0');
    for (size_t i = 0; i < bytes.size(); ++i)
      bytes[i] = static_cast<char>(i * 31 + (i >> 8));
    return bytes;
  }

  void add(std::string_view bytes) {
    pieces_.push_back({.iov_base = const_cast<char*>(bytes.data()), .iov_len = bytes.size()});
  }

  void drop(size_t bytes) {
    for (; first_ < pieces_.size() && bytes >= pieces_[first_].iov_len; ++first_)
      bytes -= pieces_[first_].iov_len;
    if (first_ == pieces_.size()) {
      pieces_.clear();
      first_ = 0;
    } else {
      iovec& piece = pieces_[first_];
      piece = {.iov_base = static_cast<char*>(piece.iov_base) + bytes,
               .iov_len = piece.iov_len - bytes};
    }
  }

  size_t buffers_per_call_;
  size_t next_ = 0;
  std::vector<iovec> pieces_;
  size_t first_ = 0;
};

// A file by sendfile(2): its pages go from the page cache to the socket.
class File : public Body {
 public:
  explicit File(const char* path) : file_(path == nullptr ? -1 : open(path, O_RDONLY | O_CLOEXEC)) {
    struct stat status {};
    if (file_.get() < 0 || fstat(file_.get(), &status) != 0) die("$FILE cannot be opened");
    size_ = status.st_size;
    head_ =
        "HTTP/1.1 200 OK\r\nContent-Type: application/octet-stream\r\n"
        "Date: Thu, 01 Jan 1970 00:00:00 GMT\r\nContent-Length: " +
        std::to_string(size_) + "\r\n\r\n";
  }

  Progress send_to(int fd) override {
    while (!head_.empty()) {
      ssize_t sent = send(fd, head_.data(), head_.size(), MSG_NOSIGNAL | MSG_MORE);
      if (sent < 0) return errno == EAGAIN ? Progress::blocked : Progress::failed;
      head_.erase(0, static_cast<size_t>(sent));
    }
    while (offset_ < size_) {
      size_t wanted = static_cast<size_t>(std::min<off_t>(size_ - offset_, kBytesPerCall));
      ssize_t sent = sendfile(fd, file_.get(), &offset_, wanted);
      if (sent < 0) return errno == EAGAIN ? Progress::blocked : Progress::failed;
      if (sent == 0) return Progress::failed;  // the file became shorter
    }
    return Progress::done;
  }

 private:
  static constexpr off_t kBytesPerCall = 2 * 1024 * 1024;

  Fd file_;
  off_t size_ = 0;
  off_t offset_ = 0;
  std::string head_;
};

}  // namespace bench
