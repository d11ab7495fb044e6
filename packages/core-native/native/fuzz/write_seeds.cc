// Writes what the fuzzers start from: the input of each test case, and of those with a chunked body
// that body alone.
//
//   write_seeds <folder of case files> <folder for requests> <folder for bodies>

#include <cstdio>
#include <fstream>

#include "test/case_file.h"

namespace {

// Long ones only slow a fuzzer down: its mutations seldom hit what matters in them.
constexpr size_t kMaxSeedBytes = 2048;

void write(const std::string& folder, size_t number, const std::string& bytes) {
  if (bytes.size() > kMaxSeedBytes) return;
  std::ofstream(folder + "/case-" + std::to_string(number), std::ios::binary) << bytes;
}

}  // namespace

int main(int count, char** arguments) {
  if (count != 4) return 1;
  size_t number = 0;
  for (const auto& each : catzilla::http::test::read_cases(arguments[1])) {
    write(arguments[2], number, each.input);
    const size_t body = each.input.find("\r\n\r\n");
    if (each.input.find("chunked\r\n\r\n") != std::string::npos) {
      write(arguments[3], number, each.input.substr(body + 4));
    }
    ++number;
  }
  std::printf("%zu cases\n", number);
  return 0;
}
