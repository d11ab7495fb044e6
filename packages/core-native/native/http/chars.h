#pragma once

#include <array>
#include <cstdint>
#include <string_view>

// The character classes of RFC 9110 and RFC 3986, one bit each.

namespace catzilla::http {

enum CharClass : uint8_t {
  kTokenChar = 1 << 0,    // RFC 9110 §5.6.2 tchar
  kFieldChar = 1 << 1,    // RFC 9110 §5.5: VCHAR, obs-text, SP, HTAB
  kTargetChar = 1 << 2,   // VCHAR but "#": no target form has a fragment
  kQuotedChar = 1 << 3,   // RFC 9110 §5.6.4 qdtext
  kRegNameChar = 1 << 4,  // RFC 3986 §3.2.2 unreserved and sub-delims, without ","
  kHexDigit = 1 << 5,
};

namespace detail {

constexpr std::array<uint8_t, 256> make_char_classes() {
  constexpr std::string_view kDigits = "0123456789";
  constexpr std::string_view kLetters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
  std::array<uint8_t, 256> classes{};
  const auto add = [&](std::string_view chars, int bits) {
    for (const char c : chars)
      classes[static_cast<uint8_t>(c)] |= static_cast<uint8_t>(bits);
  };
  const auto remove = [&](char c, int bits) {
    classes[static_cast<uint8_t>(c)] &= static_cast<uint8_t>(~bits);
  };

  for (size_t c = 0x21; c <= 0x7e; ++c)
    classes[c] = kFieldChar | kTargetChar | kQuotedChar;  // VCHAR
  for (size_t c = 0x80; c <= 0xff; ++c)
    classes[c] = kFieldChar | kQuotedChar;  // obs-text
  add(" \t", kFieldChar | kQuotedChar);
  remove('#', kTargetChar);
  remove('"', kQuotedChar);
  remove('\\', kQuotedChar);

  add(kDigits, kTokenChar | kRegNameChar | kHexDigit);
  add(kLetters, kTokenChar | kRegNameChar);
  add("abcdefABCDEF", kHexDigit);
  add("!#$%&'*+-.^_`|~", kTokenChar);
  // A comma is what a relay writes that joins two Host lines into one.
  add("-._~!$&'()*+;=", kRegNameChar);
  return classes;
}

inline constexpr std::array<uint8_t, 256> kCharClasses = make_char_classes();

}  // namespace detail

constexpr bool is(CharClass wanted, char c) noexcept {
  return (detail::kCharClasses[static_cast<uint8_t>(c)] & wanted) != 0;
}

constexpr bool is_digit(char c) noexcept {
  return c >= '0' && c <= '9';
}

constexpr bool is_blank(char c) noexcept {
  return c == ' ' || c == '\t';
}

constexpr char to_lower(char c) noexcept {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c | 0x20) : c;
}

// Only for a character of class kHexDigit.
constexpr unsigned hex_value(char c) noexcept {
  return static_cast<unsigned>(is_digit(c) ? c - '0' : (c | 0x20) - 'a' + 10);
}

constexpr bool equals_ignoring_case(std::string_view text, std::string_view lower_case) noexcept {
  if (text.size() != lower_case.size()) return false;
  for (size_t i = 0; i < text.size(); ++i) {
    if (to_lower(text[i]) != lower_case[i]) return false;
  }
  return true;
}

// Without the SP and HTAB around it (RFC 9110 §5.6.3 OWS).
constexpr std::string_view trim(std::string_view text) noexcept {
  while (!text.empty() && is_blank(text.front()))
    text.remove_prefix(1);
  while (!text.empty() && is_blank(text.back()))
    text.remove_suffix(1);
  return text;
}

}  // namespace catzilla::http
