#pragma once

#include <string>
#include <vector>

namespace catzilla::http::test {

// Bytes and what must come of them; README.md beside the case files has the format.
struct Case {
  std::string title;  // "file.md: heading", and the row's text
  std::string input;
  std::vector<std::string> events;  // all of them; for a row, the one that must be there
  bool is_row = false;
};

// All cases of all files in a directory, in the order of their names. A mistake in a file ends the
// program.
std::vector<Case> read_cases(const std::string& directory);

}  // namespace catzilla::http::test
