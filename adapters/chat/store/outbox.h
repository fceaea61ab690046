// What a user has sent and the server has not yet acknowledged. A message is on the disk when `add` returns, and stays there
// until the ack (`received_by_server`), over any restart of client, broker and services. The server recognises a message_id, so
// sending again is harmless; two ids for one message would not be, and cannot happen: the id is fixed before the first try.
//
// Order: per recipient only the oldest unacknowledged message is under way. With two under way the server's workers, or a
// broker that drops one of them, could store the second first.
//
// The wire has no word for a message that the server refuses: it is never acknowledged, and must not hold up the later ones for
// ever. So one that was tried kSuspectAttempts times in vain may be overtaken: the next ones to its recipient are sent too.
// When nothing is acknowledged, the server is away, and the order stays. When a later one is acknowledged, the suspect is tried
// once more, by now with a server that answers; when another later one is acknowledged and the suspect still is not, it is
// given up: who owns the outbox sets it aside.
//
// It is kept in the user's store (store.h), as the rows of one lane (lanes.h); who has the lane's lock is alone to change them.
//
// Clocks come in as arguments. Not thread-safe.
#pragma once

#include <chrono>
#include <cstddef>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "adapters/chat/store/error.h"
#include "adapters/chat/store/store.h"
#include "base/result.h"
#include "base/timestamp.h"
#include "domain/commands.h"

namespace hermes::chat {

struct Outgoing {
  domain::SendMessage message;
  Timestamp time;  // when the user sent it
  bool operator==(const Outgoing&) const = default;
};

class Outbox {
 public:
  using Clock = std::chrono::steady_clock;

  // How long an ack may take before the message is sent again: the first wait is well above the few milliseconds a healthy
  // server takes; each is twice the one before. The longest keeps a client from hammering a server that is away for hours, and
  // from filling the log of refused messages with one that it does not take.
  static constexpr std::chrono::milliseconds kFirstRetry{2000};
  static constexpr std::chrono::milliseconds kLongestRetry{60000};
  // Tries in vain after which the next message need not wait any longer: 14 s with the waits above.
  static constexpr unsigned kSuspectAttempts = 4;
  static constexpr unsigned kOvertakenMax = 2;
  // Messages to one recipient under way at once: suspects, and the one that may overtake them.
  static constexpr std::size_t kUnderWayMax = 3;
  // A client that has been offline for long stops taking more, rather than filling the disk.
  static constexpr std::size_t kMaxMessages = 10'000;

  struct Attempt {
    Outgoing outgoing;
    unsigned number;  // 1: the first; those of earlier runs count
  };

  // Requires: this process has the lane's lock, and the store outlives the outbox.
  static Result<std::unique_ptr<Outbox>, Error> open(Store& store, std::string lane);

  // On the disk, forced, when it returns. Adding a message that is waiting already changes nothing; another one with
  // the id of one that is waiting is refused.
  Result<Done, Error> add(const Outgoing& outgoing);

  // Takes all that the other one of the same store holds, in one step, and leaves it empty. The order is that of sending. One
  // that does not fit, or whose id is taken here by another message, stays where it is. Returns what it took.
  Result<std::vector<Outgoing>, Error> take_over(Outbox& other);

  // The server has it. False if no such message is waiting. A failure to write that down is harmless (the message would be
  // sent once more with the same id, and acknowledged again), so it is not reported.
  bool acknowledged(const domain::MessageId& id);
  // Nobody is to send it any more.
  Result<Done, Error> forget(const domain::MessageId& id);

  // The messages to publish now: per recipient the oldest one, if it was never tried or its wait is over, and those that may
  // overtake it. Counts as a try.
  std::vector<Attempt> take_due(Clock::time_point now);
  // When take_due will give something next; nothing if no message waits.
  std::optional<Clock::time_point> next_due() const;
  // After a reconnect: whatever was under way may be gone, so every wait is over.
  void retry_now();
  // Those that later ones have overtaken kOvertakenMax times.
  std::vector<Attempt> given_up() const;

  std::optional<Outgoing> waiting(const domain::MessageId& id) const;
  std::size_t size() const { return receiver_of_.size(); }
  std::vector<Outgoing> all() const;  // oldest first

 private:
  struct Waiting {
    std::uint64_t order = 0;  // of sending, over all recipients
    Outgoing outgoing;
    unsigned attempts = 0;   // kept over restarts, as the next one
    unsigned overtaken = 0;  // how often a later message was acknowledged first
    Clock::time_point due = Clock::time_point::min();
    Clock::time_point first_tried = Clock::time_point::min();  // in this run
    Clock::time_point tried = Clock::time_point::min();        // last
    Clock::time_point overtaken_at = Clock::time_point::min();

    // When the next one need not wait for it any longer; nothing: it must.
    std::optional<Clock::time_point> may_be_overtaken_from() const;
  };
  using Queue = std::deque<Waiting>;

  // Both outboxes in the order of sending, but for what stays in the other.
  struct Merge {
    std::vector<std::pair<Waiting, std::string>> all;  // with the lane that it is in now
    std::vector<Outgoing> taken;
    std::vector<domain::MessageId> doubled;  // in both: the other's is dropped
  };

  Outbox(Store& store, std::string lane) : store_(store), lane_(std::move(lane)) {}
  Result<Done, Error> load();
  Merge merge_with(const Outbox& other) const;
  void insert(Waiting waiting);
  const Waiting* find(const domain::MessageId& id) const;
  Waiting* find(const domain::MessageId& id);
  bool remove(const domain::MessageId& id);
  // Those that `by` speaks against.
  std::vector<const Waiting*> note_overtaking(Queue& queue, const Waiting& by);
  void note(const Store::Work& work);
  void store_tries(sqlite::Connection& connection, const std::vector<const Waiting*>& tried) const;
  void store_removal(sqlite::Connection& connection, const domain::MessageId& id) const;
  std::vector<const Waiting*> ordered() const;

  Store& store_;
  const std::string lane_;
  std::uint64_t next_order_ = 0;
  std::map<domain::UserId, Queue> queues_;
  std::unordered_map<domain::MessageId, domain::UserId> receiver_of_;
};

}  // namespace hermes::chat
