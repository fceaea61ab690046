// What has come in for a user, and which receipts for it have gone out. A message is noted here before it is acknowledged to
// the broker, so one that was taken but not yet shown when the client died is shown at the next start; and its id is
// remembered, so a message that comes twice is shown once.
//
// Life of a message: taken, shown (by the screen), delivered (that receipt is with the broker), and read, some time after it
// was shown. Receipts go out at least once; the server takes a repeated one for the duplicate it is. Those that are with the
// broker are kept until they are known to be in the log (unconfirmed_receipts.h).
//
// It is kept in the user's store (store.h), forced to the disk by nobody: what the power takes back comes from the broker once
// more, or is shown or reported twice.
//
// Clocks come in as arguments. Not thread-safe.
#pragma once

#include <chrono>
#include <cstddef>
#include <deque>
#include <memory>
#include <optional>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <utility>
#include <vector>

#include "adapters/chat/store/error.h"
#include "adapters/chat/store/store.h"
#include "adapters/chat/store/unconfirmed_receipts.h"
#include "base/result.h"
#include "base/timestamp.h"
#include "domain/commands.h"

namespace hermes::chat {

struct Incoming {
  domain::SendMessage message;
  Timestamp time;  // the sender's claim, or else the arrival
  bool operator==(const Incoming&) const = default;
};

class Inbox {
 public:
  using Clock = std::chrono::steady_clock;

  // Finished messages whose ids are remembered. The broker repeats what it has no PUBACK for, at most its receive maximum of
  // 65,535 and in practice the last few; an older client's double publish comes at once.
  static constexpr std::size_t kRemembered = 10'000;

  // `read_after`: from shown to read; nothing: never read. A message that an earlier run showed but did not report as read is
  // due `read_after` from `now`.
  // Requires: this process attends (lanes.h), and the store outlives the inbox.
  static Result<std::unique_ptr<Inbox>, Error> open(Store& store, std::optional<std::chrono::milliseconds> read_after,
                                                    Clock::time_point now);

  // True: new, to be shown. False: it came before.
  Result<bool, Error> take(const Incoming& incoming);
  // Taken, and not shown: what a client that died left behind. Oldest first.
  std::vector<Incoming> not_shown() const;

  void shown(const std::vector<domain::MessageId>& ids, Clock::time_point now);

  // The receipts to publish now, at most `limit`. They are given again until `published`.
  std::vector<Receipt> due(Clock::time_point now, std::size_t limit) const;
  std::optional<Clock::time_point> next_due() const;
  void published(const std::vector<Receipt>& receipts, Clock::time_point now);

  // Of the receipts that are with the broker: what to look up, when, and what of it is to be published again
  // (unconfirmed_receipts.h).
  const UnconfirmedReceipts& unconfirmed() const { return unconfirmed_; }
  void looked_up(const std::vector<domain::MessageId>& asked, const std::vector<Receipt>& found, Clock::time_point now);

 private:
  enum class Stage { taken, shown, delivered };
  struct Pending {
    Incoming incoming;
    std::uint64_t order;
    Stage stage = Stage::taken;
    Clock::time_point read_due{};
  };

  Inbox(Store& store, std::optional<std::chrono::milliseconds> read_after) : store_(store), read_after_(read_after) {}
  Result<Done, Error> load(Clock::time_point now);
  void note_published(const Receipt& receipt, Clock::time_point now);
  void finish(const domain::MessageId& id);
  void remember(const domain::MessageId& id);
  // For the next write_notes(), which keeps them all together.
  void note(Store::Work work) { notes_.push_back(std::move(work)); }
  void note_stage(const domain::MessageId& id, std::string_view stage);
  void note_confirmed(const domain::MessageId& id);
  void write_notes();
  std::vector<const Pending*> in_order() const;

  Store& store_;
  const std::optional<std::chrono::milliseconds> read_after_;
  std::vector<Store::Work> notes_;
  std::uint64_t next_order_ = 0;
  std::unordered_map<domain::MessageId, Pending> pending_;
  std::deque<domain::MessageId> remembered_order_;
  std::unordered_set<domain::MessageId> remembered_;
  UnconfirmedReceipts unconfirmed_;
};

}  // namespace hermes::chat
