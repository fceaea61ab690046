// What `hermes chat` and `hermes send` share: who speaks, and a session with the settings of the command line.
#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "adapters/chat/query_client.h"
#include "adapters/chat/session.h"
#include "domain/identifiers.h"
#include "tools/cli/settings.h"

namespace hermes::tools {

class Command;

// Throws CommandError(kUsage) for what cannot be a user. `what` names the argument.
domain::UserId user_argument(const std::string& text, const std::string& what);

domain::MessageId message_id_argument(const std::string& text, const std::string& what);

// The option --query-url, for what is said of it in `purpose`; query_address() throws CommandError(kUsage) for what is no
// address.
inline constexpr std::string_view kUsualQueryUrl = "http://127.0.0.1:8480";
void add_query_option(const Command& app, std::string& url, const std::string& purpose);
chat::QueryAddress query_address(const std::string& url);

// Throws CommandError.
std::unique_ptr<chat::Session> open_session(const Settings& settings, chat::Session::Role role,
                                            std::optional<std::chrono::milliseconds> read_after);

}  // namespace hermes::tools
