// Makes JSON readable that programs write although RFC 8259 forbids it, or although no parser can hold it.
#pragma once

#include <string>
#include <string_view>

namespace hermes::wire {

// Without a byte order mark before it (RFC 8259, 8.1: a parser may pass it over) and without blanks and NULs behind it (a C
// string that was sent with its end, or the whole of its buffer).
std::string_view without_wrapping(std::string_view payload);

// The same text, with two needless obstacles replaced. An escaped surrogate without its other half becomes \ufffd, the
// replacement character (RFC 8259, 8.2: JSON.stringify wrote these until ES2019). An exponent with more digits than any number
// has becomes zeros, since no field of the wire is a number. Lengths stay the same, so positions in the result are positions in
// `json`, which need not be valid JSON.
struct Mended {
  std::string json;
  bool half_pairs = false;  // a surrogate was replaced
};
Mended mend_json(std::string_view json);

}  // namespace hermes::wire
