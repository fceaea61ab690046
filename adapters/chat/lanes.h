// The outboxes that one process serves. A user's folder has one lane for the attending client and a few for `hermes send`, so
// that scripts can send while the user chats, and several at once. What a process that died left in its lane is taken over by
// the next client of the user that starts.
//
// Order is kept per recipient within a lane. Not thread-safe.
#pragma once

#include <filesystem>
#include <memory>
#include <vector>

#include "adapters/chat/error.h"
#include "adapters/chat/outbox.h"
#include "adapters/chat/user_folder.h"
#include "domain/result.h"

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

  Outbox& own() { return *lanes_.front().outbox; }
  bool acknowledged(const domain::MessageId& id);
  std::vector<Outgoing> take_due(Outbox::Clock::time_point now);
  std::optional<Outbox::Clock::time_point> next_due() const;
  void retry_now();
  bool empty() const;
  std::vector<Outgoing> unsent() const;
  std::size_t damaged_records() const;

 private:
  struct Lane {
    std::unique_ptr<FolderLock> lock;
    std::unique_ptr<Outbox> outbox;
  };

  Result<Done, Error> take_over(const std::filesystem::path& user_folder);

  std::vector<Lane> lanes_;  // the own one first
};

}  // namespace hermes::chat
