// The folder in which one user's client keeps what must outlive it. One process at a time holds a folder: two clients of one
// user would take the broker's session from each other and publish one outbox twice.
#pragma once

#include <filesystem>
#include <string>

#include "adapters/chat/error.h"
#include "base/folder_lock.h"
#include "base/result.h"
#include "domain/identifiers.h"

namespace hermes::chat {

// HERMES_OUTBOX_DIR, or hermes/outbox under $XDG_STATE_HOME (XDG Base Directory Specification), or under ~/.local/state.
Result<std::filesystem::path, Error> outbox_root();

// root/USER, with what a file name cannot hold written as %XX, and a long name cut and told apart by a digest.
std::filesystem::path user_folder(const std::filesystem::path& root, const domain::UserId& user);

// Locks a folder of a user's; makes it (mode 700) if need be. The refusal says what to do. The second waits a while for one who
// holds it only for a moment.
Result<FolderLock, FolderLock::Refused> lock_folder(const std::filesystem::path& folder);
Result<FolderLock, FolderLock::Refused> wait_to_lock_folder(const std::filesystem::path& folder);

}  // namespace hermes::chat
