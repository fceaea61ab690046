#include "adapters/chat/mailbox.h"

#include <algorithm>
#include <utility>
#include <variant>

#include "adapters/chat/store/set_aside.h"

namespace hermes::chat {

Mailbox::Mailbox(domain::UserId user, Lanes lanes, std::unique_ptr<Inbox> inbox, Notices& notices)
    : user_(std::move(user)), lanes_(std::move(lanes)), inbox_(std::move(inbox)), notices_(notices) {
  if (inbox_) {
    for (const Incoming& incoming : inbox_->not_shown()) notices_.tell(MessageArrived{incoming});
  }
  if (const std::size_t damaged = lanes_.damaged_records(); damaged > 0)
    notices_.tell(Trouble{std::to_string(damaged) +
                          " damaged records of an earlier version were left out; the file that held them is kept as .damaged"});
}

// ---- what comes in ----

bool Mailbox::take(const wire::Decoded& decoded, Timestamp now) {
  if (const auto* receipt = std::get_if<domain::RecordReceipt>(&decoded.command)) {
    if (receipt->status == domain::Status::received_by_server && receipt->user.str() == wire::kServerUser)
      acknowledged(receipt->message_id);
    notices_.tell(ReceiptArrived{receipt->message_id, receipt->status, receipt->user});
    return true;
  }
  if (!inbox_) return true;
  if (const auto* typing = std::get_if<domain::SetTyping>(&decoded.command)) {
    if (typing->sender != user_) notices_.tell(TypingChanged{typing->sender, typing->sender_name, typing->is_typing});
    return true;
  }
  const auto& message = std::get<domain::SendMessage>(decoded.command);
  const bool credible = decoded.occurred_at && *decoded.occurred_at <= now + kClockTolerance;
  return take(Incoming{message, credible ? *decoded.occurred_at : now});
}

bool Mailbox::take(const Incoming& incoming) {
  if (!inbox_) return true;
  const domain::SendMessage& message = incoming.message;
  const bool own_echo = domain::is_broadcast(message.receiver) && message.sender == user_;
  const bool for_me = domain::is_broadcast(message.receiver) || message.receiver == user_;
  if (own_echo || !for_me) return true;
  const auto fresh = inbox_->take(incoming);
  if (!complain_once(last_inbox_trouble_, fresh)) return false;
  if (*fresh) notices_.tell(MessageArrived{incoming});
  return true;
}

void Mailbox::acknowledged(const domain::MessageId& id) {
  if (!lanes_.own().acknowledged(id)) return;
  for (const Outbox::Attempt& given_up : lanes_.own().given_up()) {
    give_up(given_up.outgoing.message.message_id,
            "the server has acknowledged later messages, and not this one in " + std::to_string(given_up.number) + " tries");
  }
}

void Mailbox::shown(const std::vector<domain::MessageId>& ids, Clock::time_point now) {
  if (inbox_) inbox_->shown(ids, now);
}

// ---- what goes out ----

Result<Done, Error> Mailbox::add(const Outgoing& outgoing, Clock::time_point now) {
  const std::string& text = outgoing.message.content;
  if (text.empty()) return fail(Error{"there is nothing to send"});
  if (auto checked = domain::check_text("the text", text, text.size()); !checked)
    return fail(Error{"not sent: " + checked.error().message()});
  // What the server would refuse must not enter the outbox: it would be tried for ever. The judge is the server's own decoder.
  wire::Decoder decoder;
  const auto accepted = decoder.decode(wire::encode(outgoing.message, outgoing.time));
  if (!accepted) return fail(Error{"not sent: " + accepted.error().detail});
  adopt(now);  // what was sent before goes before
  return lanes_.own().add(outgoing);
}

void Mailbox::give_up(const domain::MessageId& id, const std::string& reason) {
  const auto outgoing = lanes_.own().waiting(id);
  if (!outgoing) return;
  auto kept = set_aside(lanes_.store(), {*outgoing, reason});
  if (kept) kept = lanes_.own().forget(id);
  if (!complain_once(last_outbox_trouble_, kept)) return;
  notices_.tell(GivenUp{*outgoing, reason});
}

// Only the attending client stays for long enough to have to look for them again.
void Mailbox::adopt(Clock::time_point now) {
  if (!inbox_) return;
  adopt_again_ = now + kAdoptEvery;
  auto adopted = lanes_.adopt();
  if (!complain_once(last_outbox_trouble_, adopted)) return;
  if (!adopted->empty()) notices_.tell(TakenOver{std::move(*adopted)});
}

Mailbox::Due Mailbox::take_due(Clock::time_point now) {
  if (now >= adopt_again_) adopt(now);
  Due due{.messages = lanes_.own().take_due(now), .receipts = {}};
  if (inbox_ && now >= receipts_held_until_) {
    due.receipts = inbox_->due(now, kReceiptsAtOnce);
    if (due.receipts.empty()) due.receipts = inbox_->unconfirmed().to_publish(kReceiptsAtOnce);
  }
  return due;
}

std::optional<Mailbox::Clock::time_point> Mailbox::next_due() const {
  std::optional<Clock::time_point> due = lanes_.own().next_due();
  if (!inbox_) return due;
  due = due ? std::min(*due, adopt_again_) : adopt_again_;
  auto receipt = inbox_->next_due();
  if (inbox_->unconfirmed().has_to_publish()) receipt = Clock::time_point::min();
  if (receipt) due = std::min(*due, std::max(*receipt, receipts_held_until_));
  return due;
}

void Mailbox::published(const std::vector<Outbox::Attempt>& messages) {
  for (const Outbox::Attempt& attempt : messages) {
    if (attempt.number > 1 && lanes_.own().waiting(attempt.outgoing.message.message_id))
      notices_.tell(NotAcknowledged{attempt.outgoing, attempt.number});
  }
}

void Mailbox::published(const std::vector<Receipt>& receipts, Clock::time_point now) {
  if (inbox_) inbox_->published(receipts, now);
}

std::vector<domain::MessageId> Mailbox::receipts_to_look_up(Clock::time_point now, std::size_t limit) const {
  if (!inbox_) return {};
  return inbox_->unconfirmed().to_look_up(now, limit);
}

std::optional<Mailbox::Clock::time_point> Mailbox::next_look_for_receipts() const {
  if (!inbox_) return std::nullopt;
  return inbox_->unconfirmed().next_look();
}

void Mailbox::receipts_looked_up(const std::vector<domain::MessageId>& asked, const std::vector<Receipt>& found,
                                 Clock::time_point now) {
  if (inbox_) inbox_->looked_up(asked, found, now);
}

bool Mailbox::settled(Clock::time_point now) const {
  return lanes_.own().size() == 0 && (!inbox_ || inbox_->due(now, 1).empty());
}

template <class Outcome>
bool Mailbox::complain_once(std::string& last, const Outcome& outcome) {
  if (outcome) {
    last.clear();
    return true;
  }
  if (outcome.error().message != last) notices_.tell(Trouble{outcome.error().message});
  last = outcome.error().message;
  return false;
}

}  // namespace hermes::chat
