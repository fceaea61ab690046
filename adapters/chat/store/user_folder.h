// The folder in which one user's clients keep what must outlive them (store.h), and the locks inside of it: a folder for each
// lane (lanes.h), which one process at a time holds.
#pragma once

#include <filesystem>
#include <string>

#include "adapters/chat/store/error.h"
#include "base/folder_lock.h"
#include "base/result.h"
#include "domain/identifiers.h"

namespace hermes::chat {

// HERMES_OUTBOX_DIR, or hermes/outbox under $XDG_STATE_HOME (XDG Base Directory Specification), or under ~/.local/state.
Result<std::filesystem::path, Error> outbox_root();

// root/USER, with what a file name cannot hold written as %XX, and a long name cut and told apart by a digest.
std::filesystem::path user_folder(const std::filesystem::path& root, const domain::UserId& user);

// Makes it, for its user alone (mode 700), unless it is there. The refusal says what to do.
Result<Done, FolderLock::Refused> make_folder(const std::filesystem::path& folder);

// Forces the names in it to the disk. False: errno says why not.
bool sync_folder(const std::filesystem::path& folder);

// Locks a folder of a user's; makes it if need be. The refusal says what to do. The second waits a while for one who holds it
// only for a moment.
Result<FolderLock, FolderLock::Refused> lock_folder(const std::filesystem::path& folder);
Result<FolderLock, FolderLock::Refused> wait_to_lock_folder(const std::filesystem::path& folder);

}  // namespace hermes::chat
