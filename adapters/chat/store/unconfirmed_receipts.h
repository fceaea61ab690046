// The receipts that are with the broker, and of which it is not known yet that they are in the log. A broker that is killed, or
// whose queue for the ingester is full, loses a receipt that it has acknowledged; so each is looked up (receipt_check.h), and
// published again, with back-off, until it is found. The server takes a repeated one for the duplicate it is.
//
// Clocks come in as arguments. Not thread-safe. The inbox keeps it on the disk.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <unordered_map>
#include <utility>
#include <vector>

#include "domain/commands.h"
#include "domain/identifiers.h"

namespace hermes::chat {

struct Receipt {
  domain::UserId sender;  // of the message: whose topic the receipt goes to
  domain::MessageId message_id;
  domain::Status status;  // delivered or read
};

class UnconfirmedReceipts {
 public:
  using Clock = std::chrono::steady_clock;

  // Messages whose receipts are kept: as many as ids are remembered (Inbox::kRemembered). Past it the oldest one is let go.
  static constexpr std::size_t kMax = 10'000;
  // From publishing to looking: well above what a healthy pipeline takes. Each wait is twice the one before.
  static constexpr std::chrono::seconds kFirstWait{5};
  static constexpr std::chrono::seconds kLongestWait{3600};
  // A receipt that the server refuses each time (another message has the id, say) is let go: after nearly two days with the
  // waits above. Only tries that were looked up in vain count, so a client without a query service lets nothing go.
  static constexpr unsigned kTriesMax = 50;

  // It was published; `tries`: how often before, where an earlier run has counted. Returns a message that had to be let go.
  std::optional<domain::MessageId> published(const Receipt& receipt, Clock::time_point now, unsigned tries = 0);

  // The messages to look up now, those first that have waited longest; they are given again until `looked_up`.
  std::vector<domain::MessageId> to_look_up(Clock::time_point now, std::size_t limit) const;
  std::optional<Clock::time_point> next_look() const;

  // What a look for `asked` has found: receipts of this user that are in the log. What is missing is to be published again.
  // Returns the messages of which nothing is kept any more.
  std::vector<domain::MessageId> looked_up(const std::vector<domain::MessageId>& asked, const std::vector<Receipt>& found,
                                           Clock::time_point now);

  // What to publish again, at most `limit`; given again until `published`.
  std::vector<Receipt> to_publish(std::size_t limit) const;
  bool has_to_publish() const { return !again_.empty(); }

  unsigned tries(const domain::MessageId& id) const;  // 0 if nothing is kept of it
  std::size_t size() const { return entries_.size(); }

 private:
  struct Entry {
    domain::MessageId id;
    domain::UserId sender;
    bool delivered = false;  // these two: published, and not found yet
    bool read = false;
    unsigned tries = 0;  // looked up in vain
    Clock::time_point look_at{};
  };
  using Order = std::uint64_t;  // of the first receipt

  static std::chrono::seconds wait_after(unsigned tries);
  void forget(const domain::MessageId& id);
  static void add_receipts(const Entry& entry, std::vector<Receipt>& out);

  Order next_order_ = 0;
  std::map<Order, Entry> entries_;
  std::unordered_map<domain::MessageId, Order> order_of_;
  std::set<std::pair<Clock::time_point, Order>> looks_;  // of those that are not in again_
  std::set<Order> again_;
};

}  // namespace hermes::chat
