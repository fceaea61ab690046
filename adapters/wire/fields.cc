#include "adapters/wire/fields.h"

#include "domain/mqtt_text.h"

namespace hermes::wire {
namespace {

constexpr std::string_view kReplacementCharacter = "\uFFFD";

std::string_view view(const boost::json::string& text) { return {text.data(), text.size()}; }

}  // namespace

void Fields::note(std::string_view field, std::string_view problem) {
  if (!problems_.empty()) problems_ += "; ";
  problems_ += field;
  problems_ += ' ';
  problems_ += problem;
}

const boost::json::string* Fields::string(std::string_view field) {
  const boost::json::value* value = object_.if_contains(field);
  if (!value) {
    any_missing_ = true;
    note(field, "is missing");
    return nullptr;
  }
  if (!value->is_string()) {
    note(field, "is not a string");
    return nullptr;
  }
  return &value->get_string();
}

const boost::json::string* Fields::identifier(std::string_view field) {
  const boost::json::string* value = string(field);
  if (!value || !half_pairs_ || view(*value).find(kReplacementCharacter) == std::string_view::npos) return value;
  note(field, "holds half of a surrogate pair");
  return nullptr;
}

std::optional<domain::MessageId> Fields::message_id(std::string_view field) {
  const boost::json::string* value = identifier(field);
  if (!value) return std::nullopt;
  auto id = domain::parse_incoming<domain::MessageId>(view(*value), field);
  if (id) return std::move(*id);
  note(field, id.error().problem);
  return std::nullopt;
}

std::optional<domain::UserId> Fields::receiver(std::string_view field) {
  const boost::json::string* value = identifier(field);
  if (!value) return std::nullopt;
  auto id = domain::parse_incoming<domain::UserId>(view(*value), field);
  if (id) return std::move(*id);
  note(field, id.error().problem);
  return std::nullopt;
}

std::optional<domain::UserId> Fields::user(std::string_view field) {
  std::optional<domain::UserId> id = receiver(field);
  if (id && domain::is_broadcast(*id)) {
    note(field, "is \"all\", which means everyone and is nobody's id");
    return std::nullopt;
  }
  return id;
}

std::optional<std::string> Fields::text(std::string_view field, std::size_t max_characters) {
  const boost::json::string* value = string(field);
  if (!value) return std::nullopt;
  if (auto checked = domain::check_text(field, view(*value), max_characters); !checked) {
    note(field, checked.error().problem);
    return std::nullopt;
  }
  return std::string(view(*value));
}

std::optional<std::string> Fields::name(std::string_view field, std::size_t max_characters, std::string_view if_missing) {
  if (!has(field)) return std::string(if_missing);
  std::optional<std::string> value = text(field, max_characters);
  if (value && value->empty()) {
    note(field, "is empty");
    return std::nullopt;
  }
  return value;
}

std::optional<bool> Fields::boolean(std::string_view field) {
  const boost::json::value* value = object_.if_contains(field);
  if (!value) {
    any_missing_ = true;
    note(field, "is missing");
    return std::nullopt;
  }
  if (!value->is_bool()) {
    note(field, "is not true or false");
    return std::nullopt;
  }
  return value->get_bool();
}

std::optional<std::string_view> Fields::word(std::string_view field) {
  const boost::json::string* value = string(field);
  if (!value) return std::nullopt;
  return view(*value);
}

Fields::LenientTime Fields::lenient_time(std::string_view field) const {
  const boost::json::value* value = object_.if_contains(field);
  if (!value || value->is_null()) return {std::nullopt, false};
  const auto time = value->is_string() ? parse_timestamp(view(value->get_string())) : std::nullopt;
  return {time, !time};
}

domain::Rejection Fields::rejection() const {
  domain::Rejection rejection{any_missing_ ? domain::RejectionReason::missing_field : domain::RejectionReason::invalid_field,
                              problems_};
  identify(rejection);
  return rejection;
}

void Fields::identify(domain::Rejection& rejection) const {
  rejection.message_id = readable<domain::MessageId>("message_id");
  rejection.actor_id = readable<domain::UserId>("sender_id");
  if (!rejection.actor_id) rejection.actor_id = readable<domain::UserId>("user_id");
}

template <class Id>
std::optional<std::string> Fields::readable(std::string_view field) const {
  const boost::json::value* value = object_.if_contains(field);
  if (!value || !value->is_string()) return std::nullopt;
  const auto id = domain::parse_incoming<Id>(view(value->get_string()), field);
  return id ? std::optional(id->str()) : std::nullopt;
}

}  // namespace hermes::wire
