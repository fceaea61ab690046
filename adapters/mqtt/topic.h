// Which texts may be a topic (MQTT 5, 4.7), and which the name of a group that shares a subscription (4.8.2). Pure functions;
// thread-safe.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace hermes::mqtt {

inline constexpr std::size_t kTextBytesMax = 65'535;  // of a topic, a client id, a user name (1.5.4)

// What is wrong with a text in MQTT: completes the sentence "the client id ...". Nothing if the text is fine.
std::optional<std::string> problem_of_text(std::string_view text);
// Likewise for a topic to publish to, which must also not be empty and have no wildcards.
std::optional<std::string> problem_of_topic(std::string_view topic);
std::optional<std::string> problem_of_share_group(std::string_view group);

}  // namespace hermes::mqtt
