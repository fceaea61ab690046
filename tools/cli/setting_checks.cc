#include "tools/cli/setting_checks.h"

#include <algorithm>
#include <cctype>
#include <optional>
#include <string_view>

#include "adapters/ingest/settings.h"
#include "adapters/mqtt/topic.h"
#include "domain/identifiers.h"
#include "domain/mqtt_text.h"
#include "tools/cli/command_error.h"

namespace hermes::tools {
namespace {

// If the largest message did not fit into the spool, neither it nor any message behind it could ever be taken.
constexpr std::uint64_t kSpoolBytesMin = 4 * ingest::kPacketBytesMax;
static_assert(kSpoolBytesMin == 4u << 20, "what the error says");
// Leaves room for '/' and the longest user id.
constexpr std::size_t kTopicRootBytesMax = mqtt::kTextBytesMax - 1 - 4 * domain::kUserIdMaxCharacters;
constexpr std::size_t kHostBytesMax = 253;         // RFC 1035, 2.3.4, as text
constexpr std::size_t kPostgresNameBytesMax = 63;  // NAMEDATALEN - 1
constexpr std::size_t kInstanceCharactersMax = 255;

std::string about(const std::string& text, const std::string& problem) { return "'" + text + "' " + problem; }

std::string checked(const std::string& text, const std::optional<std::string>& problem) {
  return problem ? about(text, *problem) : std::string();
}

bool is_in_a_host(unsigned char c) { return std::isalnum(c) || c == '.' || c == '-' || c == '_' || c == ':' || c == '%'; }

}  // namespace

std::string check_topic_root(const std::string& topic) {
  constexpr const char* kSuch = "; it is the root of the chat's topics, such as chat/messages";
  if (topic.empty()) return std::string("MQTT_TOPIC is empty") + kSuch;
  // Messages are published below this topic, and nobody can publish to a filter (MQTT 5, 4.7.1).
  if (topic.find_first_of("+#") != std::string::npos) return "MQTT_TOPIC " + about(topic, std::string("is a filter") + kSuch);
  if (auto problem = mqtt::problem_of_topic(topic)) return "MQTT_TOPIC " + about(topic, *problem + kSuch);
  if (topic.size() > kTopicRootBytesMax)
    return "MQTT_TOPIC is longer than " + std::to_string(kTopicRootBytesMax) + " bytes" + kSuch;
  // "$share/..." is a subscription, and other topics with '$' are the broker's own (4.7.2, 4.8.2).
  if (topic.starts_with('$'))
    return "MQTT_TOPIC " + about(topic, std::string("begins with '$', which is the broker's") + kSuch);
  // Clients speak to chat/messages/USER: with an empty level it is another topic, to which nobody publishes.
  if (topic.starts_with('/') || topic.ends_with('/') || topic.find("//") != std::string::npos)
    return "MQTT_TOPIC " + about(topic, std::string("has a level without a name (a '/' too many)") + kSuch);
  if (topic.starts_with(' ') || topic.ends_with(' '))
    return "MQTT_TOPIC " + about(topic, std::string("begins or ends with a blank") + kSuch);
  return {};
}

std::string check_share_group(const std::string& group) { return checked(group, mqtt::problem_of_share_group(group)); }

std::string check_client_id(const std::string& id) {
  if (id.empty()) return about(id, "is empty: the broker would make up another one at each start");
  return checked(id, mqtt::problem_of_text(id));
}

std::string check_mqtt_user(const std::string& user) { return checked(user, mqtt::problem_of_text(user)); }

std::string check_host(const std::string& host) {
  if (host.empty()) return about(host, "is empty");
  if (host.find("://") != std::string::npos)
    return about(host, "is a URL; write the host alone, the port has a setting of its own");
  if (host.starts_with('[')) return about(host, "has brackets, which only a URL needs; write the address alone (::1)");
  if (!std::ranges::all_of(host, is_in_a_host) || host.size() > kHostBytesMax) return about(host, "is no host name");
  // One colon is a port; an IPv6 address has more.
  if (std::ranges::count(host, ':') == 1) return about(host, "has a port in it, which has a setting of its own");
  return {};
}

std::string check_postgres_hosts(const std::string& hosts) {
  for (std::size_t begin = 0; begin <= hosts.size();) {
    const std::size_t comma = std::min(hosts.find(',', begin), hosts.size());
    const std::string host = hosts.substr(begin, comma - begin);
    begin = comma + 1;
    const bool is_folder = host.starts_with('/') || host.starts_with('@');
    if (auto problem = is_folder ? check_path(host) : check_host(host); !problem.empty()) return problem;
  }
  return {};
}

std::string check_postgres_name(const std::string& name) {
  if (name.empty()) return about(name, "is empty");
  if (name.size() > kPostgresNameBytesMax) return about(name, "is longer than 63 bytes, the longest name that PostgreSQL has");
  return checked(name, domain::what_brokers_refuse(name));
}

std::string check_instance(const std::string& name) {
  if (name.empty()) return about(name, "is empty");
  if (auto problem = domain::check_text("", name, kInstanceCharactersMax); !problem)
    return about(name, problem.error().problem);
  return checked(name, domain::what_brokers_refuse(name));
}

std::string check_path(const std::string& path) {
  if (path.empty()) return about(path, "is empty");
  constexpr auto is_control = [](unsigned char c) { return c < 0x20 || c == 0x7F; };
  return std::ranges::any_of(path, is_control) ? about(path, "contains a control character") : std::string();
}

std::string check_spool_bytes(const std::string& bytes) {
  if (std::stoull(bytes) >= kSpoolBytesMin) return {};
  return "a spool has at least 4 MiB, for a message may have one; " + bytes + " bytes are too few";
}

void require_client_id_in_group(const std::string& share_group, const std::string& client_id) {
  if (!share_group.empty() && client_id.empty())
    throw CommandError(kUsage, "--share-group needs a --client-id that no other ingester has, and that stays the same");
}

}  // namespace hermes::tools
