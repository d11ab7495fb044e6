#include "http/head_writer.h"

#include <array>
#include <charconv>
#include <cstring>

#include "http/status_text.h"

namespace catzilla::http {

namespace {

void append_number(std::string& out, uint64_t value, int base = 10) {
  std::array<char, 20> digits;
  const auto [end, error] =
      std::to_chars(digits.data(), digits.data() + digits.size(), value, base);
  out.append(digits.data(), end);
}

}  // namespace

void HeadWriter::write(std::string& out, const ResponseHead& head, std::time_t now) {
  // RFC 9110 §2.5: the version is our own, also towards an HTTP/1.0 peer.
  if (head.status != status_) {
    status_line_.assign("HTTP/1.1 ");
    append_number(status_line_, head.status);
    status_line_.append(" ").append(status_text(head.status)).append("\r\n");
    status_ = head.status;
  }
  out.append(status_line_).append(head.fields);
  if (head.date) out.append(date_line(now));
  switch (head.connection) {
    case ConnectionField::implied:
      break;
    case ConnectionField::close:
      out.append("connection: close\r\n");
      break;
    case ConnectionField::keep_alive:
      out.append("connection: keep-alive\r\n");
      break;
  }
  switch (head.framing) {
    case Framing::sized:
      out.append("content-length: ");
      append_number(out, head.length);
      out.append("\r\n");
      break;
    case Framing::chunked:
      out.append("transfer-encoding: chunked\r\n");
      break;
    case Framing::none:
    case Framing::until_close:
      break;
  }
  out.append("\r\n");
}

void write_chunk_size(std::string& out, size_t size) {
  append_number(out, size, 16);
  out.append("\r\n");
}

// RFC 9110 §5.6.7: IMF-fixdate. Not strftime, whose names follow the locale.
std::string_view HeadWriter::date_line(std::time_t now) {
  if (now != date_at_) {
    static constexpr char kDays[] = "SunMonTueWedThuFriSat";
    static constexpr char kMonths[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
    std::tm utc{};
#ifdef _WIN32
    gmtime_s(&utc, &now);
#else
    gmtime_r(&now, &utc);
#endif
    const auto two = [this](size_t at, int value) {
      date_line_[at] = static_cast<char>('0' + value / 10);
      date_line_[at + 1] = static_cast<char>('0' + value % 10);
    };
    std::memcpy(date_line_, kDateLine, sizeof date_line_);
    std::memcpy(date_line_ + 6, kDays + 3 * utc.tm_wday, 3);
    two(11, utc.tm_mday);
    std::memcpy(date_line_ + 14, kMonths + 3 * utc.tm_mon, 3);
    two(18, (utc.tm_year + 1900) / 100);
    two(20, utc.tm_year % 100);
    two(23, utc.tm_hour);
    two(26, utc.tm_min);
    two(29, utc.tm_sec);
    date_at_ = now;
  }
  return {date_line_, sizeof date_line_ - 1};
}

}  // namespace catzilla::http
