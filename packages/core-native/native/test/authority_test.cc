#include "http/authority.h"

#include <doctest/doctest.h>

namespace catzilla::http {
namespace {

bool is_host(std::string_view text) {
  return is_authority(text, Port::optional);
}

TEST_CASE("IPv6 literals: eight groups, or fewer with one ::, an IPv4 tail counts two") {
  for (const auto* text :
       {"[::]", "[::1]", "[1::]", "[1:2:3:4:5:6:7:8]", "[1::8]", "[1:2:3:4:5:6:7::]",
        "[::2:3:4:5:6:7:8]", "[1:2:3::5:6:7:8]", "[fe80::ABCD]", "[::ffff:192.0.2.1]",
        "[1:2:3:4:5:6:192.0.2.1]", "[::255.255.255.255]", "[::0.0.0.0]"}) {
    INFO(text);
    CHECK(is_host(text));
  }
  for (const auto* text : {"[]",
                           "[",
                           "]",
                           "[:]",
                           "[:::]",
                           "[1]",
                           "[1:2:3:4:5:6:7]",
                           "[1:2:3:4:5:6:7:8:9]",
                           "[1::2::3]",
                           "[1:2:3:4:5:6:7:8::]",
                           "[::1:2:3:4:5:6:7:8]",
                           "[1:]",
                           "[:1]",
                           "[1:2:3:4:5:6:7:]",
                           "[12345::]",
                           "[g::]",
                           "[::1",
                           "::1",
                           "[::1]x",
                           "[::1]]",
                           "[[::1]]",
                           "[::192.0.2]",
                           "[::192.0.2.256]",
                           "[::192.0.2.01]",
                           "[::192.0.2.1.1]",
                           "[::192.0.2.1:1]",
                           "[1.2.3.4]",
                           "[1:2:3:4:5:6:7:192.0.2.1]",
                           "[fe80::1%25eth0]",
                           "[v1.fe80]",
                           "[::.1.2.3]"}) {
    INFO(text);
    CHECK_FALSE(is_host(text));
  }
}

TEST_CASE("ports: digits up to 65535, empty where optional") {
  CHECK(is_authority("a:0", Port::required));
  CHECK(is_authority("a:65535", Port::required));
  CHECK(is_authority("a:00080", Port::required));
  CHECK(is_authority("[::1]:443", Port::required));
  CHECK_FALSE(is_authority("a:65536", Port::required));
  CHECK_FALSE(is_authority("a:99999999999999999999", Port::required));
  CHECK_FALSE(is_authority("a", Port::required));
  CHECK_FALSE(is_authority("a:", Port::required));
  CHECK(is_authority("a:", Port::optional));
  CHECK_FALSE(is_authority(":80", Port::optional));
  CHECK_FALSE(is_authority("", Port::optional));
  CHECK_FALSE(is_authority("a:80:80", Port::optional));
  CHECK_FALSE(is_authority("a:+80", Port::optional));
  CHECK_FALSE(is_authority("a: 80", Port::optional));
  CHECK_FALSE(is_authority("a:8o", Port::optional));
}

TEST_CASE("percent-encoded bytes of a name are complete") {
  CHECK(is_host("a%20b"));
  CHECK(is_host("%C3%a4"));
  CHECK_FALSE(is_host("%"));
  CHECK_FALSE(is_host("a%2"));
  CHECK_FALSE(is_host("a%2g"));
  CHECK_FALSE(is_host("a%%20"));
}

}  // namespace
}  // namespace catzilla::http
