// What has come in for a user, and which receipts for it have gone out. A message is noted here before it is acknowledged to
// the broker, so one that was taken but not yet shown when the client died is shown at the next start; and its id is
// remembered, so a message that comes twice is shown once.
//
// Life of a message: taken, shown (by the screen), delivered (that receipt is with the broker), and read, some time after it
// was shown. Receipts go out at least once; the server takes a repeated one for the duplicate it is. Those that are with the
// broker are kept until they are known to be in the log (unconfirmed_receipts.h).
//
// Clocks come in as arguments. Not thread-safe. Files: docs/chat.md.
#pragma once

#include <chrono>
#include <cstddef>
#include <deque>
#include <filesystem>
#include <memory>
#include <optional>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "adapters/chat/error.h"
#include "adapters/chat/journal.h"
#include "adapters/chat/unconfirmed_receipts.h"
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
  static constexpr std::uint64_t kRewriteBytes = 4u << 20;

  // `read_after`: from shown to read; nothing: never read. A message that an earlier run showed but did not report as read is
  // due `read_after` from `now`.
  // Requires: the folder exists and this process has its lock (user_folder.h).
  static Result<std::unique_ptr<Inbox>, Error> open(const std::filesystem::path& folder,
                                                    std::optional<std::chrono::milliseconds> read_after, Clock::time_point now);

  // True: new, to be shown. False: it came before.
  Result<bool, Error> take(const Incoming& incoming);
  // Taken, and not shown: what a client that died left behind. Oldest first.
  std::vector<Incoming> not_shown() const;

  void shown(const domain::MessageId& id, Clock::time_point now);

  // The receipts to publish now, at most `limit`. They are given again until `published`.
  std::vector<Receipt> due(Clock::time_point now, std::size_t limit) const;
  std::optional<Clock::time_point> next_due() const;
  void published(const Receipt& receipt, Clock::time_point now);

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

  Inbox() = default;
  void replay(std::string_view json, Clock::time_point now);
  void note(std::string_view kind, const domain::MessageId& id);
  void note(const std::string& record);
  void finish(const domain::MessageId& id);
  void remember(const domain::MessageId& id);
  void rewrite_if_large();
  std::vector<const Pending*> in_order() const;

  std::unique_ptr<Journal> journal_;
  std::optional<std::chrono::milliseconds> read_after_;
  std::uint64_t next_order_ = 0;
  std::unordered_map<domain::MessageId, Pending> pending_;
  std::deque<domain::MessageId> remembered_order_;
  std::unordered_set<domain::MessageId> remembered_;
  UnconfirmedReceipts unconfirmed_;
  std::uint64_t rewrite_past_ = kRewriteBytes;
};

}  // namespace hermes::chat
