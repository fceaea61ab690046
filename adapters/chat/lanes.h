// The outbox that one process serves, among those of its user. A user's folder has one lane for the attending client and a few
// for `hermes send`, so that scripts can send while the user chats, and several at once. What a process left in its lane when
// it ended is taken over by those that run, into the order of sending.
//
// Order is kept per recipient within a lane; between processes that run at the same time there is none. Not thread-safe.
#pragma once

#include <filesystem>
#include <memory>
#include <vector>

#include "adapters/chat/error.h"
#include "adapters/chat/outbox.h"
#include "adapters/chat/user_folder.h"
#include "base/result.h"

namespace hermes::chat {

class Lanes {
 public:
  // Processes of one user that may send at once.
  static constexpr int kSendLanes = 32;

  static std::filesystem::path attending_folder(const std::filesystem::path& user_folder) { return user_folder / "chat"; }

  // The attending client's lane. Fails when another client of the user is open.
  static Result<Lanes, Error> attend(const std::filesystem::path& user_folder);
  // A free lane for sending.
  static Result<Lanes, Error> send_only(const std::filesystem::path& user_folder);

  Outbox& own() { return *outbox_; }
  const Outbox& own() const { return *outbox_; }
  // Takes over what processes that have ended left behind. Returns what it took.
  Result<std::vector<Outgoing>, Error> adopt();
  // What the other lanes hold, those of processes that run included.
  std::vector<Outgoing> in_other_lanes() const;
  std::size_t damaged_records() const { return outbox_->damaged_records() + damaged_in_adopted_; }

  // From outside, for a user who looks after the outbox. All that waits in any lane, oldest first:
  static std::vector<Outgoing> all_waiting(const std::filesystem::path& user_folder);
  // False: there is no such message. Fails when a process that runs holds it.
  static Result<bool, Error> drop(const std::filesystem::path& user_folder, const domain::MessageId& id);

 private:
  Lanes(std::filesystem::path user_folder, std::filesystem::path folder, FolderLock lock, std::unique_ptr<Outbox> outbox);
  static Result<Lanes, Error> open(const std::filesystem::path& user_folder, const std::filesystem::path& folder,
                                   FolderLock lock);

  std::filesystem::path user_folder_;
  std::filesystem::path folder_;
  FolderLock lock_;
  std::unique_ptr<Outbox> outbox_;
  std::size_t damaged_in_adopted_ = 0;
};

}  // namespace hermes::chat
