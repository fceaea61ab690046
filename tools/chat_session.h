// What `hermes chat` and `hermes send` share: who speaks, and a session with the settings of the command line.
#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <string>

#include "adapters/chat/session.h"
#include "domain/identifiers.h"
#include "tools/cli.h"

namespace hermes::tools {

// Throws CommandError(kUsage) for what cannot be a user. `what` names the argument.
domain::UserId user_argument(const std::string& text, const std::string& what);

// Throws CommandError.
std::unique_ptr<chat::Session> open_session(const Settings& settings, chat::Session::Role role,
                                            std::optional<std::chrono::milliseconds> read_after);

}  // namespace hermes::tools
