// Arrays as parameters of a set-based statement: `... FROM unnest($1::text[], $2::bigint[])`.
#pragma once

#include <string>
#include <string_view>

namespace hermes::projections {

// Builds the text form of an array (PostgreSQL manual, "Array Input and Output Syntax"), element by element.
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

}  // namespace hermes::projections
