#include "http/head_writer.h"

#include <doctest/doctest.h>

#include <clocale>
#include <string>

namespace catzilla::http {
namespace {

constexpr std::time_t kNow = 784111777;  // the example of RFC 9110 §5.6.7

std::string write(const ResponseHead& head, std::time_t now = kNow) {
  HeadWriter writer;
  std::string out;
  writer.write(out, head, now);
  return out;
}

TEST_CASE("a head with a length") {
  CHECK(write({.status = 200,
               .fields = "content-type: text/plain\r\n",
               .framing = Framing::sized,
               .length = 5}) ==
        "HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\ndate: Sun, 06 Nov 1994 08:49:37 GMT\r\n"
        "content-length: 5\r\n\r\n");
}

TEST_CASE("each framing has its one field, or none") {
  const auto framed = [](Framing framing) {
    return write({.fields = {}, .framing = framing, .date = false});
  };
  CHECK(framed(Framing::none) == "HTTP/1.1 200 OK\r\n\r\n");
  CHECK(framed(Framing::until_close) == "HTTP/1.1 200 OK\r\n\r\n");
  CHECK(framed(Framing::sized) == "HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n");
  CHECK(framed(Framing::chunked) == "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n");
}

TEST_CASE("Connection is written where the version does not say it") {
  const auto connected = [](ConnectionField connection) {
    return write({.status = 204, .fields = {}, .connection = connection, .date = false});
  };
  CHECK(connected(ConnectionField::implied) == "HTTP/1.1 204 No Content\r\n\r\n");
  CHECK(connected(ConnectionField::close) ==
        "HTTP/1.1 204 No Content\r\nconnection: close\r\n\r\n");
  CHECK(connected(ConnectionField::keep_alive) ==
        "HTTP/1.1 204 No Content\r\nconnection: keep-alive\r\n\r\n");
}

TEST_CASE("the largest length and a status without a name") {
  CHECK(write({.status = 299,
               .fields = {},
               .framing = Framing::sized,
               .length = UINT64_MAX,
               .date = false}) == "HTTP/1.1 299 \r\ncontent-length: 18446744073709551615\r\n\r\n");
}

TEST_CASE("a writer tells each status, whatever it told before") {
  HeadWriter writer;
  for (const uint16_t status : {200, 404, 404, 200, 299}) {
    std::string out;
    writer.write(out, {.status = status, .fields = {}, .date = false}, kNow);
    CHECK(out == write({.status = status, .fields = {}, .date = false}));
    CHECK(out.starts_with("HTTP/1.1 " + std::to_string(status) + " "));
  }
}

TEST_CASE("a writer appends, and makes its date anew when the second changes") {
  HeadWriter writer;
  std::string out = "before ";
  writer.write(out, {}, kNow);
  writer.write(out, {}, kNow);
  writer.write(out, {}, kNow + 1);
  CHECK(out ==
        "before HTTP/1.1 200 OK\r\ndate: Sun, 06 Nov 1994 08:49:37 GMT\r\n\r\n"
        "HTTP/1.1 200 OK\r\ndate: Sun, 06 Nov 1994 08:49:37 GMT\r\n\r\n"
        "HTTP/1.1 200 OK\r\ndate: Sun, 06 Nov 1994 08:49:38 GMT\r\n\r\n");
}

TEST_CASE("dates are right on every day of the week, in every month, and across a leap day") {
  const auto date = [](std::time_t now) {
    const std::string head = write({}, now);
    return head.substr(head.find("date: ") + 6, 29);
  };
  CHECK(date(0) == "Thu, 01 Jan 1970 00:00:00 GMT");
  CHECK(date(951782399) == "Mon, 28 Feb 2000 23:59:59 GMT");
  CHECK(date(951782400) == "Tue, 29 Feb 2000 00:00:00 GMT");
  CHECK(date(2147483648) == "Tue, 19 Jan 2038 03:14:08 GMT");
  for (int day = 0; day < 400; ++day) {
    const std::time_t now = kNow + day * 86'400;
    char expected[64];
    std::tm utc{};
    gmtime_r(&now, &utc);
    std::strftime(expected, sizeof expected, "%a, %d %b %Y %H:%M:%S GMT", &utc);
    REQUIRE(date(now) == expected);
  }
}

TEST_CASE("chunk sizes are lower-case hexadecimal without zeros in front") {
  const auto size = [](size_t value) {
    std::string out;
    write_chunk_size(out, value);
    return out;
  };
  CHECK(size(1) == "1\r\n");
  CHECK(size(255) == "ff\r\n");
  CHECK(size(4096) == "1000\r\n");
  CHECK(size(SIZE_MAX) == "ffffffffffffffff\r\n");
}

}  // namespace
}  // namespace catzilla::http
