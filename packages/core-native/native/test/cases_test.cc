#include <doctest/doctest.h>

#include <algorithm>
#include <numeric>

#include "test/case_file.h"
#include "test/replay.h"

namespace catzilla::http::test {
namespace {

// A row names one event. An `error` or `incomplete` must be the last one; with any other the
// message must end well.
bool row_holds(const std::string& wanted, const std::vector<std::string>& events) {
  if (events.empty()) return false;
  const bool is_end = wanted == "incomplete" || wanted.starts_with("error ");
  if (is_end) return events.back() == wanted;
  if (events.back() != "end") return false;
  return wanted == "ok" || std::find(events.begin(), events.end(), wanted) != events.end();
}

TEST_CASE("each case gives its events, whole, cut in two at each byte, and byte by byte") {
  const std::vector<Case> cases = read_cases("cases");
  for (const Case& each : cases) {
    INFO(each.title);
    const auto whole = replay(each.input);
    if (each.is_row) {
      INFO(join_lines(whole));
      CHECK_MESSAGE(row_holds(each.events[0], whole), "expected: ", each.events[0]);
    } else {
      CHECK(join_lines(whole) == join_lines(each.events));
    }

    for (const size_t cut : places_to_cut(each.input.size())) {
      if (replay(each.input, {cut}) == whole) continue;
      INFO("cut at ", cut);
      CHECK(join_lines(replay(each.input, {cut})) == join_lines(whole));
    }

    std::vector<size_t> every_byte(each.input.size());
    std::iota(every_byte.begin(), every_byte.end(), size_t{0});
    CHECK(join_lines(replay(each.input, every_byte)) == join_lines(whole));
  }
  MESSAGE(cases.size(), " cases");
  CHECK(cases.size() >= 300);
}

TEST_CASE("each case has a title of its own, by which a difference can be named") {
  std::vector<std::string> titles;
  for (const Case& each : read_cases("cases"))
    titles.push_back(each.title);
  std::sort(titles.begin(), titles.end());
  const auto twice = std::adjacent_find(titles.begin(), titles.end());
  CHECK_MESSAGE(twice == titles.end(), "twice: ", twice == titles.end() ? "" : *twice);
}

}  // namespace
}  // namespace catzilla::http::test
