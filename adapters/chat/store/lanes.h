// The outbox that one process serves, among those of its user. There is one lane for the attending client and a few for
// `hermes send`, so that scripts can send while the user chats, and several at once. What a process left in its lane when it
// ended is taken over by those that run, into the order of sending.
//
// All lanes are in the user's store (store.h). A process that lives holds the lock of its lane, which is a folder of that name
// beside the store: so the messages of one that has died are told from those of one that only waits.
//
// Order is kept per recipient within a lane; between processes that run at the same time there is none. Not thread-safe.
#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "adapters/chat/store/error.h"
#include "adapters/chat/store/outbox.h"
#include "adapters/chat/store/store.h"
#include "adapters/chat/store/user_folder.h"
#include "base/result.h"

namespace hermes::chat {

class Lanes {
 public:
  // Processes of one user that may send at once.
  static constexpr int kSendLanes = 32;

  // The attending client's lane. Fails when another client of the user is open.
  static Result<Lanes, Error> attend(const std::filesystem::path& user_folder);
  // A free lane for sending.
  static Result<Lanes, Error> send_only(const std::filesystem::path& user_folder);

  // The user's; for what else is kept there. It stays where it is when the lanes are moved.
  Store& store() { return *store_; }
  const Store& store() const { return *store_; }
  Outbox& own() { return *outbox_; }
  const Outbox& own() const { return *outbox_; }
  // Takes over what processes that have ended left behind. Returns what it took.
  Result<std::vector<Outgoing>, Error> adopt();
  // What the other lanes hold, those of processes that run included.
  Result<std::vector<Outgoing>, Error> in_other_lanes() const;
  // What an earlier client left, and could not be read, when it was taken over (old_folder.h).
  std::size_t damaged_records() const { return damaged_records_; }

  // From outside, for a user who looks after the outbox. The store, or nothing when this user has never kept anything:
  static Result<std::unique_ptr<Store>, Error> look_at(const std::filesystem::path& user_folder);
  // All that waits in any lane, oldest first.
  static Result<std::vector<Outgoing>, Error> all_waiting(const Store& store);
  // False: there is no such message. Fails when a process that runs holds it.
  static Result<bool, Error> drop(Store& store, const domain::MessageId& id);

 private:
  struct OpenStore {
    std::unique_ptr<Store> store;
    std::size_t damaged_records;
  };
  static Result<OpenStore, Error> open_store(const std::filesystem::path& user_folder);

  Lanes(OpenStore opened, FolderLock lock, std::string lane, std::unique_ptr<Outbox> outbox);
  static Result<Lanes, Error> open(OpenStore opened, FolderLock lock, const std::string& lane);

  std::unique_ptr<Store> store_;
  std::size_t damaged_records_;
  FolderLock lock_;
  std::string lane_;
  std::unique_ptr<Outbox> outbox_;
};

}  // namespace hermes::chat
