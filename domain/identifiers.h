// Identifiers, which clients choose. Every identifier is valid: only `parse` makes one.
#pragma once

#include <compare>
#include <cstddef>
#include <functional>
#include <string>
#include <string_view>

#include "base/result.h"

namespace hermes::domain {

// A field that breaks a rule. `field` is its name on the wire (message_id, sender_id, ...), `problem` completes the sentence
// "sender_id ...": "is empty", "is longer than 100 characters", "contains '/'".
struct InvalidField {
  std::string field;
  std::string problem;

  std::string message() const { return field + " " + problem; }
  bool operator==(const InvalidField&) const = default;
};

// The limits of the columns that people query (characters, not bytes).
inline constexpr std::size_t kMessageIdMaxCharacters = 255;
inline constexpr std::size_t kUserIdMaxCharacters = 100;
inline constexpr std::size_t kSenderNameMaxCharacters = 100;
inline constexpr std::size_t kMessageTypeMaxCharacters = 50;

// Checks text that is kept as it is (names, contents): valid UTF-8, no NUL, at most `max_characters`.
Result<Done, InvalidField> check_text(std::string_view field, std::string_view text, std::size_t max_characters);

// Checks an identifier: valid as text, not empty, and without '/', '+', '#' and control characters, since it becomes part of an
// MQTT topic (MQTT 5, 4.7.1) and of a stream id.
Result<Done, InvalidField> check_identifier(std::string_view field, std::string_view text, std::size_t max_characters);

template <class Tag>
class Identifier {
 public:
  // `field` is the name to use in the error.
  static Result<Identifier, InvalidField> parse(std::string_view text, std::string_view field = Tag::kField) {
    if (auto checked = check_identifier(field, text, Tag::kMaxCharacters); !checked) return fail(checked.error());
    return Identifier(std::string(text));
  }

  const std::string& str() const { return text_; }
  auto operator<=>(const Identifier&) const = default;

 private:
  explicit Identifier(std::string text) : text_(std::move(text)) {}
  std::string text_;
};

struct MessageIdTag {
  static constexpr std::string_view kField = "message_id";
  static constexpr std::size_t kMaxCharacters = kMessageIdMaxCharacters;
};
struct UserIdTag {
  static constexpr std::string_view kField = "user_id";
  static constexpr std::size_t kMaxCharacters = kUserIdMaxCharacters;
};

using MessageId = Identifier<MessageIdTag>;
using UserId = Identifier<UserIdTag>;

// The receiver id that means everyone.
inline constexpr std::string_view kEveryone = "all";
inline bool is_broadcast(const UserId& receiver) { return receiver.str() == kEveryone; }

}  // namespace hermes::domain

template <class Tag>
struct std::hash<hermes::domain::Identifier<Tag>> {
  std::size_t operator()(const hermes::domain::Identifier<Tag>& id) const noexcept {
    return std::hash<std::string>{}(id.str());
  }
};
