// Reads a journal, as earlier clients kept them: a file of JSON records, one a line, each with its CRC-32 (old_folder.h).
//
//   3f2a91c0 {"record":"message","message_id":"m-1",...}\n
//
// What stands after the last newline was never said to be kept, and is passed over. A damaged line elsewhere is left out and
// counted.
#pragma once

#include <cstddef>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "adapters/chat/store/error.h"
#include "adapters/chat/store/unconfirmed_receipts.h"
#include "base/result.h"
#include "base/timestamp.h"
#include "domain/commands.h"

namespace hermes::chat {

struct OldRecord {
  std::string kind;  // outbox: "message", "tried", "acknowledged", "forgotten"; set aside: "message", "reason"; inbox:
                     // "message", "shown", "delivered", "finished", "published", "confirmed"
  std::string message_id{};
  std::optional<domain::SendMessage> message{};  // kind "message" only
  Timestamp time{};
  unsigned attempts = 0;             // kinds "tried" and "published"
  unsigned overtaken = 0;            // kind "tried" only
  std::string reason{};              // kind "reason" only
  std::optional<Receipt> receipt{};  // kind "published" only
};

struct OldJournal {
  std::vector<OldRecord> records;  // in order; those of an unknown kind are passed over
  std::size_t damaged = 0;
};

// A file that is not there has no records.
Result<OldJournal, Error> read_old_journal(const std::filesystem::path& file);

}  // namespace hermes::chat
