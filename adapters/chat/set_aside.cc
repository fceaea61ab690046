#include "adapters/chat/set_aside.h"

#include <algorithm>

#include "adapters/chat/records.h"
#include "adapters/chat/user_folder.h"

namespace hermes::chat {
namespace {

std::filesystem::path folder_in(const std::filesystem::path& user_folder) { return user_folder / "set-aside"; }
std::filesystem::path file_in(const std::filesystem::path& user_folder) { return folder_in(user_folder) / "messages.log"; }

void replay(std::vector<SetAside>& messages, std::string_view json) {
  const auto record = decode_record(json);
  if (!record) return;
  if (record->message) messages.push_back({{*record->message, record->time}, {}});
  if (record->kind == "reason" && !messages.empty()) messages.back().reason = record->reason;
}

std::vector<std::string> records_of(const std::vector<SetAside>& messages) {
  std::vector<std::string> records;
  for (const SetAside& message : messages) {
    records.push_back(encode_message_record(message.outgoing.message, message.outgoing.time));
    records.push_back(encode_reason(message.outgoing.message.message_id, message.reason));
  }
  return records;
}

// Changes the file as a whole: it is small, and changed by hand or by a mistake. `change` says whether it changed anything.
template <typename Change>
Result<bool, Error> change_file(const std::filesystem::path& user_folder, Change change) {
  const auto lock = wait_to_lock_folder(folder_in(user_folder));
  if (!lock) return fail(Error{lock.error().problem});
  std::vector<SetAside> messages;
  const auto journal = Journal::open(file_in(user_folder), [&](std::string_view json) { replay(messages, json); });
  if (!journal) return fail(journal.error());
  if (!change(messages)) return false;
  if (auto written = (*journal)->rewrite(records_of(messages)); !written) return fail(written.error());
  return true;
}

}  // namespace

Result<Done, Error> set_aside(const std::filesystem::path& user_folder, const SetAside& message) {
  bool full = false;
  const auto changed = change_file(user_folder, [&](std::vector<SetAside>& messages) {
    const auto same = [&](const SetAside& known) { return known.outgoing.message == message.outgoing.message; };
    if (std::ranges::any_of(messages, same)) return false;
    full = messages.size() >= Outbox::kMaxMessages;
    if (!full) messages.push_back(message);
    return !full;
  });
  if (!changed) return fail(changed.error());
  if (full)
    return fail(
        Error{"too many refused messages are kept. See them with `hermes send --pending`, and drop them with --drop ID"});
  return Done{};
}

std::vector<SetAside> all_set_aside(const std::filesystem::path& user_folder) {
  std::vector<SetAside> messages;
  Journal::read(file_in(user_folder), [&](std::string_view json) { replay(messages, json); });
  return messages;
}

Result<bool, Error> drop_set_aside(const std::filesystem::path& user_folder, const domain::MessageId& id) {
  return change_file(user_folder, [&](std::vector<SetAside>& messages) {
    return std::erase_if(messages, [&](const SetAside& known) { return known.outgoing.message.message_id == id; }) > 0;
  });
}

}  // namespace hermes::chat
