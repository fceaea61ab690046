// Takes over what an earlier client, which had no database, left in a user's folder: journals (old_journal.h) for each lane.
//
//   USER/chat/outbox.log, USER/chat/inbox.log, USER/send-N/outbox.log, USER/set-aside/messages.log
//
// All of it goes into the store in one transaction, and then the files are removed; a kill between the two leads to the same
// store the next time, for a message that is there already stays as it is. What a process of the earlier version still
// holds is left to it, and taken over at a later opening.
#pragma once

#include <cstddef>
#include <filesystem>

#include "adapters/chat/store/error.h"
#include "base/result.h"

namespace hermes::chat {

class Store;

// Whether there is something to take over.
bool is_old_folder(const std::filesystem::path& user_folder);

// Returns how many damaged records were left out; the file that held one is kept beside as NAME.damaged.
Result<std::size_t, Error> take_over_old_folder(Store& store);

}  // namespace hermes::chat
