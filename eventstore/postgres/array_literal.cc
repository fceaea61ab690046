#include "eventstore/postgres/array_literal.h"

namespace hermes::postgres {

void ArrayLiteral::separate() {
  if (!empty()) text_ += ',';
}

void ArrayLiteral::add(std::string_view text) {
  separate();
  text_ += '"';
  for (char c : text) {
    if (c == '"' || c == '\\') text_ += '\\';
    text_ += c;
  }
  text_ += '"';
}

void ArrayLiteral::add(long long number) {
  separate();
  text_ += std::to_string(number);
}

void ArrayLiteral::add_null() {
  separate();
  text_ += "NULL";
}

}  // namespace hermes::postgres
