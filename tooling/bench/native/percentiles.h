// Exact percentiles: runs are bounded, so all samples fit into memory and no histogram has to round
// them.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace bench {

class Percentiles {
 public:
  void add(uint64_t ns) {
    samples_.push_back(static_cast<uint32_t>(std::min<uint64_t>(ns, UINT32_MAX)));
  }
  size_t count() const { return samples_.size(); }

  // Nearest rank, in µs; `fraction` in 0..1.
  double micros(double fraction) {
    if (samples_.empty()) return 0;
    size_t rank = std::min(samples_.size() - 1,
                           static_cast<size_t>(fraction * static_cast<double>(samples_.size())));
    std::nth_element(samples_.begin(), samples_.begin() + static_cast<ptrdiff_t>(rank),
                     samples_.end());
    return samples_[rank] / 1000.0;
  }

 private:
  std::vector<uint32_t> samples_;
};

}  // namespace bench
