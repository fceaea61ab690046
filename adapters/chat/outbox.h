// What a user has sent and the server has not yet acknowledged. A message is on the disk when `add` returns, and stays there
// until the ack (`received_by_server`), over any restart of client, broker and services. The server recognises a message_id, so
// sending again is harmless; two ids for one message would not be, and cannot happen: the id is fixed before the first try.
//
// Order: per recipient only the oldest unacknowledged message is under way. With two under way the server's workers, or a
// broker that drops one of them, could store the second first.
//
// Clocks come in as arguments. Not thread-safe. Files: docs/chat.md.
#pragma once

#include <chrono>
#include <cstddef>
#include <deque>
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "adapters/chat/error.h"
#include "adapters/chat/journal.h"
#include "domain/commands.h"
#include "domain/result.h"
#include "domain/timestamp.h"

namespace hermes::chat {

struct Outgoing {
  domain::SendMessage message;
  domain::Timestamp time;  // when the user sent it
  bool operator==(const Outgoing&) const = default;
};

class Outbox {
 public:
  using Clock = std::chrono::steady_clock;

  // How long an ack may take before the message is sent again: the first wait is well above the few milliseconds a healthy
  // server takes; the longest keeps a client from hammering a server that is away for hours.
  static constexpr std::chrono::milliseconds kFirstRetry{2000};
  static constexpr std::chrono::milliseconds kLongestRetry{30000};
  // A client that has been offline for long stops taking more, rather than filling the disk.
  static constexpr std::size_t kMaxMessages = 10'000;
  // Acknowledged messages leave records behind; past this size the file is rewritten without them.
  static constexpr std::uint64_t kRewriteBytes = 1u << 20;

  // Requires: the folder exists and this process has its lock (folder_lock.h).
  static Result<std::unique_ptr<Outbox>, Error> open(const std::filesystem::path& folder);

  // On the disk, fsync included, when it returns. Adding an id that is waiting already changes nothing.
  Result<Done, Error> add(const Outgoing& outgoing);

  // The server has it. False if no such message is waiting. A failure to write that down is harmless (the message would be
  // sent once more with the same id, and acknowledged again), so it is not reported.
  bool acknowledged(const domain::MessageId& id);

  // The messages to publish now: per recipient the oldest one, if it was never tried or its wait is over. Counts as a try.
  std::vector<Outgoing> take_due(Clock::time_point now);
  // When take_due will give something next; nothing if no message waits.
  std::optional<Clock::time_point> next_due() const;
  // After a reconnect: whatever was under way may be gone, so every wait is over and starts from the shortest again.
  void retry_now();

  bool waiting(const domain::MessageId& id) const { return receiver_of_.contains(id); }
  std::size_t size() const { return receiver_of_.size(); }
  std::vector<Outgoing> all() const;  // oldest first
  std::size_t damaged_records() const { return journal_->damaged_records(); }

 private:
  struct Queue {
    std::deque<std::pair<std::uint64_t, Outgoing>> messages;  // with the order of sending over all recipients
    std::chrono::milliseconds wait{0};
    Clock::time_point due = Clock::time_point::min();
  };

  Outbox() = default;
  void insert(Outgoing outgoing);
  bool remove(const domain::MessageId& id);
  Result<Done, Error> rewrite();

  std::unique_ptr<Journal> journal_;
  std::uint64_t next_order_ = 0;
  std::map<domain::UserId, Queue> queues_;
  std::unordered_map<domain::MessageId, domain::UserId> receiver_of_;
};

}  // namespace hermes::chat
