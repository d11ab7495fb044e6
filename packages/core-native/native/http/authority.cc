#include "http/authority.h"

#include "http/chars.h"

namespace catzilla::http {
namespace {

// *( unreserved / pct-encoded / sub-delims ); covers IPv4 addresses.
bool is_reg_name(std::string_view text) noexcept {
  for (size_t i = 0; i < text.size(); ++i) {
    if (is(kRegNameChar, text[i])) continue;
    const bool escaped = text[i] == '%' && text.size() - i > 2 && is(kHexDigit, text[i + 1]) &&
                         is(kHexDigit, text[i + 2]);
    if (!escaped) return false;
    i += 2;
  }
  return !text.empty();
}

// dec-octet: 0 to 255 without leading zeros.
bool is_octet(std::string_view text) noexcept {
  if (text.empty() || text.size() > 3 || (text.size() > 1 && text[0] == '0')) return false;
  int value = 0;
  for (const char c : text) {
    if (!is_digit(c)) return false;
    value = value * 10 + (c - '0');
  }
  return value <= 255;
}

bool is_ipv4(std::string_view text) noexcept {
  for (int dots = 0; dots < 3; ++dots) {
    const size_t dot = text.find('.');
    if (dot == text.npos || !is_octet(text.substr(0, dot))) return false;
    text.remove_prefix(dot + 1);
  }
  return is_octet(text);
}

// Eight groups of 1 to 4 hex digits. One "::" stands for at least one group; the last two may be an
// IPv4 address.
bool is_ipv6(std::string_view text) noexcept {
  int groups = 0;
  bool shortened = text.starts_with("::");
  if (shortened) text.remove_prefix(2);

  while (!text.empty()) {
    size_t length = 0;
    while (length < text.size() && is(kHexDigit, text[length]))
      ++length;
    if (length < text.size() && text[length] == '.') {
      if (!is_ipv4(text)) return false;
      groups += 2;
      break;
    }
    if (length == 0 || length > 4) return false;
    ++groups;
    text.remove_prefix(length);

    if (text.empty()) break;
    if (text.starts_with("::")) {
      if (shortened) return false;
      shortened = true;
      text.remove_prefix(2);
    } else if (text[0] == ':' && text.size() > 1) {
      text.remove_prefix(1);
    } else {
      return false;
    }
  }
  return shortened ? groups < 8 : groups == 8;
}

bool is_port(std::string_view text) noexcept {
  unsigned value = 0;
  for (const char c : text) {
    if (!is_digit(c)) return false;
    value = value * 10 + static_cast<unsigned>(c - '0');
    if (value > 65535) return false;
  }
  return true;
}

}  // namespace

bool is_authority(std::string_view text, Port port) noexcept {
  size_t host_end;
  if (text.starts_with('[')) {
    const size_t bracket = text.find(']');
    if (bracket == text.npos || !is_ipv6(text.substr(1, bracket - 1))) return false;
    host_end = bracket + 1;
  } else {
    host_end = text.find(':');
    if (host_end == text.npos) host_end = text.size();
    if (!is_reg_name(text.substr(0, host_end))) return false;
  }

  const std::string_view rest = text.substr(host_end);
  if (rest.empty()) return port == Port::optional;
  if (rest == ":") return port == Port::optional;
  return rest[0] == ':' && is_port(rest.substr(1));
}

}  // namespace catzilla::http
