#include "adapters/mqtt/topic.h"

#include "domain/mqtt_text.h"

namespace hermes::mqtt {

std::optional<std::string> problem_of_text(std::string_view text) {
  if (text.size() > kTextBytesMax) return "is longer than " + std::to_string(kTextBytesMax) + " bytes";
  return domain::what_brokers_refuse(text);
}

std::optional<std::string> problem_of_topic(std::string_view topic) {
  if (topic.empty()) return "is empty";
  if (topic.find_first_of("+#") != std::string_view::npos) return "contains a wildcard, '+' or '#'";
  return problem_of_text(topic);
}

std::optional<std::string> problem_of_share_group(std::string_view group) {
  if (group.empty()) return "is empty";
  if (group.find_first_of("/+#") != std::string_view::npos) return "contains '/', '+' or '#'";
  return problem_of_text(group);
}

}  // namespace hermes::mqtt
