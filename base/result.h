// Result<T, E>: the outcome of an operation whose failure the caller is expected to handle. Failures that nobody can handle
// are exceptions, caught once at the edge.
//
//   Result<UserId, InvalidField> id = UserId::parse(text);
//   if (!id) return fail(id.error());
//   use(*id);
#pragma once

#include <cassert>
#include <utility>
#include <variant>

namespace hermes {

template <class E>
struct Failure {
  E error;
};

template <class E>
Failure<E> fail(E error) {
  return Failure<E>{std::move(error)};
}

template <class T, class E>
class [[nodiscard]] Result {
 public:
  Result(T value) : outcome_(std::in_place_index<0>, std::move(value)) {}
  template <class F>
  Result(Failure<F> failure) : outcome_(std::in_place_index<1>, std::move(failure.error)) {}

  bool ok() const { return outcome_.index() == 0; }
  explicit operator bool() const { return ok(); }

  // Requires: ok().
  T& value() & { return assert(ok()), *std::get_if<0>(&outcome_); }
  const T& value() const& { return assert(ok()), *std::get_if<0>(&outcome_); }
  T&& value() && { return assert(ok()), std::move(*std::get_if<0>(&outcome_)); }
  T& operator*() & { return value(); }
  const T& operator*() const& { return value(); }
  T&& operator*() && { return std::move(*this).value(); }
  T* operator->() { return &value(); }
  const T* operator->() const { return &value(); }

  // Requires: !ok().
  E& error() { return assert(!ok()), *std::get_if<1>(&outcome_); }
  const E& error() const { return assert(!ok()), *std::get_if<1>(&outcome_); }

 private:
  std::variant<T, E> outcome_;
};

// For a function that returns nothing but success: Result<Done, E>, `return Done{};`.
struct Done {};

}  // namespace hermes
