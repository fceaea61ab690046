#include "tools/commands/chat_session.h"

#include "adapters/chat/store/user_folder.h"
#include "adapters/wire/wire.h"
#include "domain/mqtt_text.h"
#include "domain/typed_user.h"
#include "tools/cli/command_error.h"
#include "tools/cli/options.h"

namespace hermes::tools {

domain::UserId user_argument(const std::string& text, const std::string& what) {
  auto user = domain::parse_typed_user(text, what);
  if (!user) throw CommandError(kUsage, user.error().message());
  return *user;
}

domain::MessageId message_id_argument(const std::string& text, const std::string& what) {
  auto parsed = domain::parse_incoming<domain::MessageId>(text, what);
  if (!parsed) throw CommandError(kUsage, parsed.error().message());
  return *parsed;
}

void add_query_option(const Command& app, std::string& url, const std::string& purpose) {
  app.option("--query-url", url, purpose).environment("HERMES_QUERY_URL").default_shown();
}

chat::QueryAddress query_address(const std::string& url) {
  const auto address = chat::QueryAddress::parse(url);
  if (!address) throw CommandError(kUsage, "--query-url, HERMES_QUERY_URL: " + address.error().message);
  return *address;
}

std::unique_ptr<chat::Session> open_session(const Settings& settings, chat::Session::Role role,
                                            std::optional<std::chrono::milliseconds> read_after) {
  const domain::UserId user = user_argument(settings.user_id, "the user id");
  if (domain::is_broadcast(user)) throw CommandError(kUsage, "the user id is \"all\", which means everyone and is nobody's id");
  if (user.str() == wire::kServerUser)
    throw CommandError(kUsage, "the user id is \"server\", by which the ingester tells that it has a message");
  if (auto name = domain::check_text("the user's name", settings.user_name, domain::kSenderNameMaxCharacters); !name)
    throw CommandError(kUsage, name.error().message());
  auto root = chat::outbox_root();
  if (!root) throw CommandError(kFoundProblem, root.error().message);
  auto session = chat::Session::open({.broker_host = settings.mqtt_host,
                                      .broker_port = settings.mqtt_port,
                                      .broker_username = settings.mqtt_username,
                                      .broker_password = settings.mqtt_password,
                                      .topic_root = settings.mqtt_topic,
                                      .user = user,
                                      .name = settings.user_name,
                                      .outbox_root = *root,
                                      .role = role,
                                      .read_after = read_after});
  if (!session) throw CommandError(kFoundProblem, session.error().message);
  return std::move(*session);
}

}  // namespace hermes::tools
