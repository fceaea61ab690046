// One user's outbox and inbox, and what becomes of a message: what comes in goes to the inbox, or ends a message's waiting in
// the outbox; what is due is given out to be published; and what whoever shows it must know is told (notices.h). It knows no
// broker and no thread.
//
// Clocks come in as arguments. Not thread-safe.
#pragma once

#include <chrono>
#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "adapters/chat/notices.h"
#include "adapters/chat/store/error.h"
#include "adapters/chat/store/inbox.h"
#include "adapters/chat/store/lanes.h"
#include "adapters/chat/store/outbox.h"
#include "adapters/wire/wire.h"
#include "base/result.h"
#include "base/timestamp.h"
#include "domain/commands.h"

namespace hermes::chat {

class Mailbox {
 public:
  using Clock = std::chrono::steady_clock;

  // Receipts given out at once.
  static constexpr std::size_t kReceiptsAtOnce = 200;
  // Between looks for what a `hermes send` that has ended left unsent.
  static constexpr std::chrono::milliseconds kAdoptEvery{5'000};
  // A sender's clock may be wrong: a claim from the future is not shown.
  static constexpr std::chrono::minutes kClockTolerance{5};

  // Without an `inbox` it only sends: of what comes in it takes receipts alone, and leaves other processes' outboxes to the
  // attending client. Tells what an earlier run took and did not show, and of a damaged outbox.
  // Requires: `lanes` are of this user, `inbox` is in the same store, and `notices` outlives the mailbox.
  Mailbox(domain::UserId user, Lanes lanes, std::unique_ptr<Inbox> inbox, Notices& notices);

  // ---- What comes in. False: the message was refused for now, and `notices` say why; the broker will deliver it again. ----

  bool take(const wire::Decoded& decoded, Timestamp now);
  // Nothing becomes of one that came before, is for others, or is the user's own broadcast.
  bool take(const Incoming& incoming);
  void shown(const std::vector<domain::MessageId>& ids, Clock::time_point now);

  // ---- what goes out ----

  // Waits from now on, behind what other processes of the user have left. Fails for what the server would refuse, and as
  // Outbox::add does.
  Result<Done, Error> add(const Outgoing& outgoing, Clock::time_point now);
  // Nobody sends it any more (set_aside.h). Nothing happens if it is not waiting.
  void give_up(const domain::MessageId& id, const std::string& reason);

  struct Due {
    std::vector<Outbox::Attempt> messages;
    std::vector<Receipt> receipts;
  };
  // What to publish now. Counts as a try of the messages; the receipts are given again until `published`. Those that were
  // looked up in vain are among them.
  Due take_due(Clock::time_point now);
  // When take_due will have something to do next; nothing: not before something else happens.
  std::optional<Clock::time_point> next_due() const;
  void published(const std::vector<Outbox::Attempt>& messages);
  void published(const std::vector<Receipt>& receipts, Clock::time_point now);
  // They did not get through: none is given out before.
  void hold_receipts(Clock::time_point until) { receipts_held_until_ = until; }
  // Receipts that are with the broker, until they are in the log (unconfirmed_receipts.h).
  std::vector<domain::MessageId> receipts_to_look_up(Clock::time_point now, std::size_t limit) const;
  std::optional<Clock::time_point> next_look_for_receipts() const;
  void receipts_looked_up(const std::vector<domain::MessageId>& asked, const std::vector<Receipt>& found,
                          Clock::time_point now);
  // After a reconnect: whatever was under way may be gone.
  void retry_now() { lanes_.own().retry_now(); }

  const Lanes& lanes() const { return lanes_; }
  // The server has everything, and no receipt is due for the first time: those that are published again are on the disk.
  bool settled(Clock::time_point now) const;

 private:
  void acknowledged(const domain::MessageId& id);
  void adopt(Clock::time_point now);
  // Whether it went well. A failure is told once, however often it happens in a row.
  template <class Outcome>
  bool complain_once(std::string& last, const Outcome& outcome);

  const domain::UserId user_;
  Lanes lanes_;
  std::unique_ptr<Inbox> inbox_;  // attending only
  Notices& notices_;
  std::string last_inbox_trouble_;
  std::string last_outbox_trouble_;
  Clock::time_point adopt_again_ = Clock::time_point::min();
  Clock::time_point receipts_held_until_{};
};

}  // namespace hermes::chat
