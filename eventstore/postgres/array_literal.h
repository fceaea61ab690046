// Arrays in the text form that PostgreSQL reads (manual, "Array Input and Output Syntax").
#pragma once

#include <string>
#include <string_view>

namespace hermes::postgres {

// An array as a parameter of a set-based statement, built element by element: `... FROM unnest($1::text[], $2::bigint[])`.
class ArrayLiteral {
 public:
  void add(std::string_view text);  // quoted and escaped
  void add(long long number);
  void add_null();
  bool empty() const { return text_.size() == 1; }
  std::string str() const { return text_ + "}"; }

 private:
  void separate();
  std::string text_ = "{";
};

// An array within the text of a statement, for elements that need no escaping (numbers, UUIDs, hex digits): '{...}' around the
// texts that `write(item, out)` appends.
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
