// What MQTT 5 lets be a topic (4.7) and the name of a group that shares a subscription (4.8.2). Pure functions; thread-safe.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace hermes::mqtt {

inline constexpr std::size_t kTextBytesMax = 65'535;  // of a topic, a client id, a user name (1.5.4)

// What is wrong with a text that MQTT carries: completes the sentence "the client id ...". Nothing if nothing is.
std::optional<std::string> problem_of_text(std::string_view text);
// Something to publish to: as problem_of_text, not empty, and without wildcards.
std::optional<std::string> problem_of_topic(std::string_view topic);
std::optional<std::string> problem_of_share_group(std::string_view group);

}  // namespace hermes::mqtt
