#include "test/case_file.h"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string_view>

#include "http/chars.h"

namespace catzilla::http::test {
namespace {

constexpr std::string_view kFenceStart = "```http";
constexpr std::string_view kFenceEnd = "```";
constexpr std::string_view kArrow = "=> ";
constexpr std::string_view kRow = "with ";
constexpr std::string_view kPlaceholder = "\\{}";

[[noreturn]] void die(const std::string& where, const std::string& what) {
  std::fprintf(stderr, "%s: %s\n", where.c_str(), what.c_str());
  std::exit(1);
}

// \r \n \t \0 \s (a space that an editor cannot strip) \\ \xHH, and \{3:ab} for "ababab".
std::string unescape(std::string_view text, const std::string& where) {
  std::string bytes;
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '\\') {
      bytes += text[i];
      continue;
    }
    if (++i == text.size()) die(where, "lone backslash");
    switch (text[i]) {
      case 'r':
        bytes += '\r';
        break;
      case 'n':
        bytes += '\n';
        break;
      case 't':
        bytes += '\t';
        break;
      case '0':
        bytes += '\0';
        break;
      case 's':
        bytes += ' ';
        break;
      case '\\':
        bytes += '\\';
        break;
      case 'x': {
        if (text.size() - i < 3) die(where, "\\x needs two digits");
        bytes += static_cast<char>(hex_value(text[i + 1]) * 16 + hex_value(text[i + 2]));
        i += 2;
        break;
      }
      case '{': {
        const size_t colon = text.find(':', i);
        const size_t close = text.find('}', i);
        if (colon == text.npos || close == text.npos || close < colon) die(where, "bad \\{n:text}");
        const int count = std::atoi(std::string(text.substr(i + 1, colon - i - 1)).c_str());
        const std::string unit = unescape(text.substr(colon + 1, close - colon - 1), where);
        for (int n = 0; n < count; ++n)
          bytes += unit;
        i = close;
        break;
      }
      default:
        die(where, std::string("unknown escape \\") + text[i]);
    }
  }
  return bytes;
}

std::string replace_all(std::string text, std::string_view from, std::string_view to) {
  for (size_t at = 0; (at = text.find(from, at)) != text.npos; at += to.size()) {
    text.replace(at, from.size(), to);
  }
  return text;
}

class Reader {
 public:
  Reader(std::string file, std::vector<Case>& cases) : file_(std::move(file)), cases_(cases) {}

  void on_line(std::string_view line) {
    if (!in_fence_) {
      if (line.starts_with("#")) heading_ = trim(line.substr(line.find_first_not_of('#')));
      in_fence_ = line == kFenceStart;
    } else if (line == kFenceEnd) {
      on_fence_end();
    } else if (line.starts_with(kArrow)) {
      events_.emplace_back(line.substr(kArrow.size()));
    } else if (line.starts_with(kRow)) {
      on_row(line.substr(kRow.size()));
    } else {
      input_ += line;
    }
  }

 private:
  std::string title() const { return file_ + ": " + heading_; }

  void on_row(std::string_view row) {
    const size_t arrow = row.rfind(kArrow);
    if (arrow == row.npos) die(title(), "a row without =>");
    const std::string_view value = trim(row.substr(0, arrow));
    const std::string title = this->title() + ": " + std::string(value);
    if (input_.find(kPlaceholder) == input_.npos) die(title, "a row, but no \\{} in the input");
    cases_.push_back({.title = title,
                      .input = unescape(replace_all(input_, kPlaceholder, value), title),
                      .events = {std::string(trim(row.substr(arrow + kArrow.size())))},
                      .is_row = true});
    has_rows_ = true;
  }

  void on_fence_end() {
    if (!has_rows_) {
      cases_.push_back(
          {.title = title(), .input = unescape(input_, title()), .events = std::move(events_)});
    } else if (!events_.empty()) {
      die(title(), "rows and events in one block");
    }
    input_.clear();
    events_.clear();
    in_fence_ = has_rows_ = false;
  }

  std::string file_;
  std::vector<Case>& cases_;
  std::string heading_;
  std::string input_;
  std::vector<std::string> events_;
  bool in_fence_ = false;
  bool has_rows_ = false;
};

}  // namespace

std::vector<Case> read_cases(const std::string& directory) {
  std::error_code failed;
  std::vector<std::filesystem::path> paths;
  for (const auto& entry : std::filesystem::directory_iterator(directory, failed)) {
    if (entry.path().extension() == ".md" && entry.path().stem() != "README") {
      paths.push_back(entry.path());
    }
  }
  if (failed) die(directory, "cannot be read");
  std::sort(paths.begin(), paths.end());

  std::vector<Case> cases;
  for (const auto& path : paths) {
    Reader reader(path.filename().string(), cases);
    std::ifstream file(path);
    for (std::string line; std::getline(file, line);)
      reader.on_line(line);
  }
  return cases;
}

}  // namespace catzilla::http::test
