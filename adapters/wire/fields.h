// Reads the fields of one JSON object and notes every problem, so that the rejection names all bad fields at once.
#pragma once

#include <boost/json/object.hpp>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include "base/timestamp.h"
#include "domain/identifiers.h"
#include "domain/rejection.h"

namespace hermes::wire {

class Fields {
 public:
  // `half_pairs`: half surrogate pairs of the payload have become U+FFFD. In an identifier two that differ would become one.
  Fields(const boost::json::object& object, bool half_pairs) : object_(object), half_pairs_(half_pairs) {}

  // Returns nothing, and notes a problem, for a field that is missing, of another type, or against the rules.
  std::optional<domain::MessageId> message_id(std::string_view field);
  std::optional<domain::UserId> user(std::string_view field);      // a person; "all" is refused
  std::optional<domain::UserId> receiver(std::string_view field);  // a person, or "all"
  std::optional<std::string> text(std::string_view field, std::size_t max_characters);
  std::optional<std::string> name(std::string_view field, std::size_t max_characters, std::string_view if_missing);
  std::optional<bool> boolean(std::string_view field);
  std::optional<std::string_view> word(std::string_view field);  // one of a closed set: the caller checks which

  // Never a problem, whatever the field holds.
  struct LenientTime {
    std::optional<Timestamp> time;
    bool forgotten;  // the field is there, but holds no time
  };
  LenientTime lenient_time(std::string_view field) const;

  bool has(std::string_view field) const { return object_.if_contains(field) != nullptr; }
  void note(std::string_view field, std::string_view problem);

  bool good() const { return problems_.empty(); }
  domain::Rejection rejection() const;  // Requires: !good()
  // Puts message id and actor into the rejection, as far as they can be read.
  void identify(domain::Rejection& rejection) const;

 private:
  template <class Id>
  std::optional<std::string> readable(std::string_view field) const;
  const boost::json::string* string(std::string_view field);
  const boost::json::string* identifier(std::string_view field);

  const boost::json::object& object_;
  const bool half_pairs_;
  std::string problems_;
  bool any_missing_ = false;
};

}  // namespace hermes::wire
