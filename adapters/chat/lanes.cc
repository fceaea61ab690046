#include "adapters/chat/lanes.h"

#include <algorithm>
#include <utility>

namespace hermes::chat {
namespace {

std::filesystem::path send_folder(const std::filesystem::path& user_folder, int number) {
  return user_folder / ("send-" + std::to_string(number));
}

// The lanes that hold anything: a file that is empty, or not there, is passed over without a look inside.
std::vector<std::filesystem::path> lanes_in_use(const std::filesystem::path& user_folder) {
  std::vector<std::filesystem::path> folders{Lanes::attending_folder(user_folder)};
  for (int number = 0; number < Lanes::kSendLanes; ++number) folders.push_back(send_folder(user_folder, number));
  std::erase_if(folders, [](const std::filesystem::path& folder) {
    std::error_code error;
    const auto bytes = std::filesystem::file_size(folder / "outbox.log", error);
    return error || bytes == 0;
  });
  return folders;
}

void by_time(std::vector<Outgoing>& messages) { std::ranges::stable_sort(messages, {}, &Outgoing::time); }

}  // namespace

Lanes::Lanes(std::filesystem::path user_folder, std::filesystem::path folder, FolderLock lock, std::unique_ptr<Outbox> outbox)
    : user_folder_(std::move(user_folder)), folder_(std::move(folder)), lock_(std::move(lock)), outbox_(std::move(outbox)) {}

Result<Lanes, Error> Lanes::attend(const std::filesystem::path& user_folder) {
  // Waits, for a `hermes send` that takes over what is here has the lock for a moment.
  auto lock = wait_to_lock_folder(attending_folder(user_folder));
  if (lock) return open(user_folder, attending_folder(user_folder), std::move(*lock));
  if (!lock.error().held_by_another) return fail(Error{lock.error().problem});
  return fail(Error{"another chat client of this user is open: " + lock.error().problem +
                    ". Close that one first: a user has one client at a time"});
}

Result<Lanes, Error> Lanes::send_only(const std::filesystem::path& user_folder) {
  for (int number = 0; number < kSendLanes; ++number) {
    auto lock = lock_folder(send_folder(user_folder, number));
    if (!lock && lock.error().held_by_another) continue;
    if (!lock) return fail(Error{lock.error().problem});
    return open(user_folder, send_folder(user_folder, number), std::move(*lock));
  }
  return fail(Error{std::to_string(kSendLanes) + " `hermes send` of this user are running; wait for one to end, or give " +
                    "several messages to one of them on standard input"});
}

Result<Lanes, Error> Lanes::open(const std::filesystem::path& user_folder, const std::filesystem::path& folder,
                                 FolderLock lock) {
  auto outbox = Outbox::open(folder);
  if (!outbox) return fail(outbox.error());
  Lanes lanes(user_folder, folder, std::move(lock), std::move(*outbox));
  if (auto adopted = lanes.adopt(); !adopted) return fail(adopted.error());
  return lanes;
}

Result<std::vector<Outgoing>, Error> Lanes::adopt() {
  std::vector<Outgoing> adopted;
  for (const std::filesystem::path& folder : lanes_in_use(user_folder_)) {
    if (folder == folder_) continue;
    auto lock = lock_folder(folder);
    if (!lock && lock.error().held_by_another) continue;  // that process lives
    if (!lock) return fail(Error{lock.error().problem});
    auto outbox = Outbox::open(folder);
    if (!outbox) return fail(outbox.error());
    damaged_in_adopted_ += (*outbox)->damaged_records();
    auto taken = outbox_->take_over(**outbox);
    if (!taken) return fail(taken.error());
    std::ranges::move(*taken, std::back_inserter(adopted));
  }
  by_time(adopted);
  return adopted;
}

std::vector<Outgoing> Lanes::in_other_lanes() const {
  std::vector<Outgoing> out;
  for (const std::filesystem::path& folder : lanes_in_use(user_folder_)) {
    if (folder != folder_) std::ranges::move(Outbox::peek(folder), std::back_inserter(out));
  }
  by_time(out);
  return out;
}

std::vector<Outgoing> Lanes::all_waiting(const std::filesystem::path& user_folder) {
  std::vector<Outgoing> out;
  for (const std::filesystem::path& folder : lanes_in_use(user_folder))
    std::ranges::move(Outbox::peek(folder), std::back_inserter(out));
  by_time(out);
  return out;
}

Result<bool, Error> Lanes::drop(const std::filesystem::path& user_folder, const domain::MessageId& id) {
  bool dropped = false;
  for (const std::filesystem::path& folder : lanes_in_use(user_folder)) {
    const auto same = [&](const Outgoing& outgoing) { return outgoing.message.message_id == id; };
    if (std::ranges::none_of(Outbox::peek(folder), same)) continue;
    const auto lock = wait_to_lock_folder(folder);
    if (!lock && lock.error().held_by_another)
      return fail(Error{"the message is being sent: " + lock.error().problem + ". Close that client first"});
    if (!lock) return fail(Error{lock.error().problem});
    auto outbox = Outbox::open(folder);
    if (!outbox) return fail(outbox.error());
    dropped = dropped || (*outbox)->waiting(id).has_value();
    if (auto forgotten = (*outbox)->forget(id); !forgotten) return fail(forgotten.error());
  }
  return dropped;
}

}  // namespace hermes::chat
