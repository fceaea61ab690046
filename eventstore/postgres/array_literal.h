// Array literals within the text of a statement, for elements whose text needs no escaping: numbers, uuids, hex digits.
#pragma once

#include <string>

namespace hermes::postgres {

// '{...}' with what `write(item, out)` appends for each item.
template <class Items, class Write>
std::string array_literal(const Items& items, Write write) {
  std::string literal = "'{";
  for (const auto& item : items) {
    if (literal.size() > 2) literal += ',';
    write(item, literal);
  }
  return literal += "}'";
}

}  // namespace hermes::postgres
