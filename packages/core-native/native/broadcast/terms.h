#pragma once

#include <cstdint>
#include <vector>

#include "broadcast/subscription.h"

namespace catzilla::broadcast {

// Terms by number, each kept once for all who have equal ones. There are few: streams of one route
// share theirs. Thread: loop.
class TermsTable {
 public:
  const Terms& operator[](uint32_t number) const { return rows_[number].terms; }

  // Counted: each call is followed by one of leave().
  uint32_t enter(const Terms& terms);
  void leave(uint32_t number) {
    if (--rows_[number].users == 0) rows_[number].terms = {};
  }

 private:
  struct Row {
    Terms terms;
    uint32_t users = 0;
  };
  std::vector<Row> rows_;
  uint32_t last_ = 0;  // entered; most come again
};

}  // namespace catzilla::broadcast
