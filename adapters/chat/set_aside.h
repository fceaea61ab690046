// What the outbox has given up: messages that the server refuses. They are kept for their user to look at and to drop
// (`hermes send --pending`, `--drop`), and sent by nobody.
//
// One folder per user, beside the lanes; its lock is held for a moment only, so that every client of the user can reach it.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "adapters/chat/outbox.h"

namespace hermes::chat {

struct SetAside {
  Outgoing outgoing;
  std::string reason;
};

// On the disk, fsync included, when it returns. A message that is there already stays as it is.
Result<Done, Error> set_aside(const std::filesystem::path& user_folder, const SetAside& message);

std::vector<SetAside> all_set_aside(const std::filesystem::path& user_folder);  // oldest first

// False: there is no such message.
Result<bool, Error> drop_set_aside(const std::filesystem::path& user_folder, const domain::MessageId& id);

}  // namespace hermes::chat
