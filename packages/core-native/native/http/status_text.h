#pragma once

#include <cstdint>
#include <string_view>

namespace catzilla::http {

// The reason phrase that RFC 9110 §15 and the IANA registry give a status; empty for an unknown
// one.
std::string_view status_text(uint16_t status) noexcept;

}  // namespace catzilla::http
