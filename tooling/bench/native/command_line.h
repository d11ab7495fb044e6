// `--name value` and `--flag` arguments, with unknown ones rejected by name.
#pragma once

#include <cstdint>
#include <cstdlib>
#include <map>
#include <string>
#include <vector>

#include "process.h"

namespace bench {

class CommandLine {
 public:
  // `options` take a value, `flags` do not; an option may be repeated.
  CommandLine(int count, char** arguments, const std::vector<std::string>& options,
              const std::vector<std::string>& flags) {
    for (int i = 1; i < count; ++i) {
      std::string argument = arguments[i];
      if (contains(flags, argument)) {
        values_[argument].push_back("");
      } else if (!contains(options, argument)) {
        die("unknown option %s", argument.c_str());
      } else if (++i == count) {
        die("%s needs a value", argument.c_str());
      } else {
        values_[argument].push_back(arguments[i]);
      }
    }
  }

  bool has(const std::string& name) const { return values_.count(name) != 0; }

  std::vector<std::string> all(const std::string& name) const {
    auto found = values_.find(name);
    return found == values_.end() ? std::vector<std::string>{} : found->second;
  }

  std::string text(const std::string& name, const std::string& fallback) const {
    return has(name) ? all(name).back() : fallback;
  }

  uint64_t number(const std::string& name, uint64_t fallback) const {
    if (!has(name)) return fallback;
    std::string value = text(name, "");
    char* end = nullptr;
    uint64_t number = std::strtoull(value.c_str(), &end, 10);
    if (value.empty() || value[0] == '-' || *end != '\0') {
      die("%s must be a whole number (got %s)", name.c_str(), value.c_str());
    }
    return number;
  }

  // A time in seconds, fractions allowed, as nanoseconds.
  uint64_t nanoseconds(const std::string& name) const {
    std::string value = text(name, "0");
    char* end = nullptr;
    double seconds = std::strtod(value.c_str(), &end);
    if (*end != '\0' || !(seconds >= 0 && seconds < 1e6)) {
      die("%s must be seconds (got %s)", name.c_str(), value.c_str());
    }
    return static_cast<uint64_t>(seconds * 1e9);
  }

  uint16_t port() const {
    uint64_t port = number("--port", 0);
    if (port == 0 || port > 65535) die("--port is missing or out of range");
    return static_cast<uint16_t>(port);
  }

 private:
  static bool contains(const std::vector<std::string>& names, const std::string& name) {
    for (const std::string& each : names) {
      if (each == name) return true;
    }
    return false;
  }

  std::map<std::string, std::vector<std::string>> values_;
};

// The options that all clients share, applied: where to run and how long at most.
inline void apply_process_options(const CommandLine& line) {
  if (line.has("--core")) pin_to_core(static_cast<int>(line.number("--core", 0)));
  die_after(static_cast<unsigned>(line.number("--deadline", 60)));
}

}  // namespace bench
