// The request that a client repeats.
#pragma once

#include <string>

#include "command_line.h"

namespace bench {

inline std::string build_request(const CommandLine& line, const char* default_path) {
  std::string request = "GET " + line.text("--path", default_path) +
                        " HTTP/1.1\r\nHost: 127.0.0.1:" + line.text("--port", "") + "\r\n";
  for (const std::string& field : line.all("--header"))
    request += field + "\r\n";
  return request + "\r\n";
}

}  // namespace bench
