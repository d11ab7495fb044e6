#include "http/parse_error.h"

namespace catzilla::http {
namespace {

struct Row {
  uint16_t status;
  std::string_view name;
};

// A switch without a default, so that the compiler names the error that has no row.
constexpr Row row(ParseError error) noexcept {
  // clang-format off
  switch (error) {
    case ParseError::none: return {0, "none"};

    case ParseError::bare_cr: return {400, "bare-cr"};
    case ParseError::bare_lf: return {400, "bare-lf"};

    case ParseError::method_invalid: return {400, "method-invalid"};
    case ParseError::method_too_long: return {501, "method-too-long"};
    case ParseError::target_invalid: return {400, "target-invalid"};
    case ParseError::target_form: return {400, "target-form"};
    case ParseError::target_too_long: return {414, "target-too-long"};
    case ParseError::version_malformed: return {400, "version-malformed"};
    case ParseError::version_unsupported: return {505, "version-unsupported"};

    case ParseError::line_folded: return {400, "line-folded"};
    case ParseError::field_name_invalid: return {400, "field-name-invalid"};
    case ParseError::field_space_before_colon: return {400, "field-space-before-colon"};
    case ParseError::field_colon_missing: return {400, "field-colon-missing"};
    case ParseError::field_value_invalid: return {400, "field-value-invalid"};
    case ParseError::too_many_fields: return {431, "too-many-fields"};
    case ParseError::head_too_large: return {431, "head-too-large"};

    case ParseError::host_missing: return {400, "host-missing"};
    case ParseError::host_repeated: return {400, "host-repeated"};
    case ParseError::host_invalid: return {400, "host-invalid"};
    case ParseError::content_length_invalid: return {400, "content-length-invalid"};
    case ParseError::content_length_repeated: return {400, "content-length-repeated"};
    case ParseError::content_length_too_large: return {400, "content-length-too-large"};
    case ParseError::transfer_encoding_invalid: return {400, "transfer-encoding-invalid"};
    case ParseError::transfer_encoding_repeated: return {400, "transfer-encoding-repeated"};
    case ParseError::transfer_encoding_unsupported: return {501, "transfer-encoding-unsupported"};
    case ParseError::transfer_encoding_in_http_1_0: return {400, "transfer-encoding-in-http-1-0"};
    case ParseError::both_lengths: return {400, "both-lengths"};
    case ParseError::connection_invalid: return {400, "connection-invalid"};
    case ParseError::expectation_unsupported: return {417, "expectation-unsupported"};

    case ParseError::chunk_size_invalid: return {400, "chunk-size-invalid"};
    case ParseError::chunk_size_too_large: return {400, "chunk-size-too-large"};
    case ParseError::chunk_extension_invalid: return {400, "chunk-extension-invalid"};
    case ParseError::chunk_extensions_too_large: return {400, "chunk-extensions-too-large"};
    case ParseError::chunk_overhead: return {400, "chunk-overhead"};
    case ParseError::chunk_data_too_long: return {400, "chunk-data-too-long"};
    case ParseError::trailer_forbidden: return {400, "trailer-forbidden"};
    case ParseError::trailers_too_large: return {431, "trailers-too-large"};
  }
  // clang-format on
  return {400, "unknown"};
}

}  // namespace

uint16_t error_status(ParseError error) noexcept {
  return row(error).status;
}

std::string_view error_name(ParseError error) noexcept {
  return row(error).name;
}

}  // namespace catzilla::http
