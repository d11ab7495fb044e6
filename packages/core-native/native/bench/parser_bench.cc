// Nanoseconds per request head, in one piece: median and best of 15 rounds.
//
//   g++ -std=c++20 -O3 -fno-exceptions -fno-rtti -Inative native/bench/parser_bench.cc
//   native/http/*.cc -o parser_bench

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <string_view>
#include <vector>

#include "http/chunked_decoder.h"
#include "http/request_parser.h"

namespace {

using namespace catzilla::http;

constexpr std::string_view kBrowserRequest =
    "GET /assets/products/overview?category=books&page=3&sort=price&order=asc HTTP/1.1\r\n"
    "Host: shop.example.com:8080\r\n"
    "Connection: keep-alive\r\n"
    "User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) "
    "Chrome/126.0.0.0 Safari/537.36\r\n"
    "Accept: text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,"
    "image/apng,*/*;q=0.8\r\n"
    "Accept-Encoding: gzip, deflate, br, zstd\r\n"
    "Accept-Language: en-GB,en;q=0.9,de;q=0.8\r\n"
    "Referer: https://shop.example.com/assets/products/overview?category=books&page=2\r\n"
    "Upgrade-Insecure-Requests: 1\r\n"
    "Cookie: session=5f2b9c0a1d7e4f8896b3; theme=dark; consent=analytics%3Dno%26ads%3Dno; "
    "_ga=GA1.2.1234567890.1700000000; cart=a81f\r\n"
    "\r\n";

constexpr std::string_view kSmallRequest =
    "GET / HTTP/1.1\r\n"
    "Host: 127.0.0.1:3000\r\n"
    "\r\n";

template <typename Run>
void report(const char* name, size_t bytes, Run run) {
  using Clock = std::chrono::steady_clock;
  constexpr int kRepeats = 200'000;
  std::vector<double> rounds;
  for (int round = 0; round < 15; ++round) {
    const auto start = Clock::now();
    for (int i = 0; i < kRepeats; ++i)
      run();
    const std::chrono::duration<double, std::nano> elapsed = Clock::now() - start;
    rounds.push_back(elapsed.count() / kRepeats);
  }
  std::sort(rounds.begin(), rounds.end());
  std::printf("%-24s %4zu B   median %6.1f ns   best %6.1f ns\n", name, bytes,
              rounds[rounds.size() / 2], rounds[0]);
}

// Takes the input out of the optimizer's sight, so that each run reads it anew.
std::string_view hide(std::string_view text) {
  const char* data = text.data();
  asm volatile("" : "+r"(data) : : "memory");
  text = {data, text.size()};
  return text;
}

void bench_head(const char* name, std::string_view text) {
  RequestParser parser{Limits{}};
  report(name, text.size(), [&] {
    parser.reset();
    if (parser.parse(hide(text)) != ParseResult::done) std::abort();
  });
}

void bench_chunked(const char* name, std::string_view text) {
  report(name, text.size(), [&] {
    ChunkedDecoder decoder;
    std::span<const char> rest = hide(text);
    ParseResult result = ParseResult::need_more;
    while (!rest.empty()) {
      const auto step = decoder.decode(rest);
      rest = rest.subspan(step.consumed);
      result = step.result;
    }
    if (result != ParseResult::done) std::abort();
  });
}

}  // namespace

int main() {
#ifdef CATZILLA_NO_SIMD
  std::puts("without SIMD");
#endif
  bench_head("browser request", kBrowserRequest);
  bench_head("small request", kSmallRequest);
  bench_chunked("body of 3 chunks", "5\r\nhello\r\n1\r\n \r\n5\r\nworld\r\n0\r\n\r\n");
}
