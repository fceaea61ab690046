#include "adapters/chat/inbox.h"

#include <algorithm>
#include <utility>

#include "adapters/chat/records.h"

namespace hermes::chat {

Result<std::unique_ptr<Inbox>, Error> Inbox::open(const std::filesystem::path& folder,
                                                  std::optional<std::chrono::milliseconds> read_after, Clock::time_point now) {
  std::unique_ptr<Inbox> inbox(new Inbox);
  inbox->read_after_ = read_after;
  auto journal = Journal::open(folder / "inbox.log", [&](std::string_view json) { inbox->replay(json, now); });
  if (!journal) return fail(journal.error());
  inbox->journal_ = std::move(*journal);
  std::vector<domain::MessageId> complete;  // delivered by an earlier run, and this one reports nothing as read
  for (auto& [id, pending] : inbox->pending_) {
    if (read_after) pending.read_due = now + *read_after;
    if (!read_after && pending.stage == Stage::delivered) complete.push_back(id);
  }
  for (const domain::MessageId& id : complete) {
    inbox->note("finished", id);
    inbox->finish(id);
  }
  return inbox;
}

void Inbox::replay(std::string_view json, Clock::time_point now) {
  const auto record = decode_record(json);
  if (!record) return;
  const auto id = domain::MessageId::parse(record->message_id);
  if (!id) return;
  if (record->message) {
    pending_.emplace(*id, Pending{{*record->message, record->time}, next_order_++});
  } else if (record->kind == "finished") {
    finish(*id);
  } else if (record->kind == "published") {
    if (record->receipt) unconfirmed_.published(*record->receipt, now, record->attempts);
  } else if (record->kind == "confirmed") {
    unconfirmed_.forget(*id);
  } else if (const auto found = pending_.find(*id); found != pending_.end()) {
    if (record->kind == "shown") found->second.stage = Stage::shown;
    if (record->kind == "delivered") found->second.stage = Stage::delivered;
  }
}

Result<bool, Error> Inbox::take(const Incoming& incoming) {
  const domain::MessageId& id = incoming.message.message_id;
  if (remembered_.contains(id) || pending_.contains(id)) return false;
  const std::string record = encode_message_record(incoming.message, incoming.time);
  if (auto written = journal_->append(record, Journal::Durability::process); !written) return fail(written.error());
  pending_.emplace(id, Pending{incoming, next_order_++});
  return true;
}

std::vector<Incoming> Inbox::not_shown() const {
  std::vector<Incoming> out;
  for (const Pending* pending : in_order()) {
    if (pending->stage == Stage::taken) out.push_back(pending->incoming);
  }
  return out;
}

void Inbox::shown(const domain::MessageId& id, Clock::time_point now) {
  const auto found = pending_.find(id);
  if (found == pending_.end() || found->second.stage != Stage::taken) return;
  found->second.stage = Stage::shown;
  if (read_after_) found->second.read_due = now + *read_after_;
  note("shown", id);
}

std::vector<Receipt> Inbox::due(Clock::time_point now, std::size_t limit) const {
  std::vector<Receipt> out;
  for (const Pending* pending : in_order()) {
    if (out.size() >= limit) break;
    const domain::SendMessage& message = pending->incoming.message;
    if (pending->stage == Stage::shown) out.push_back({message.sender, message.message_id, domain::Status::delivered});
    if (pending->stage == Stage::delivered && pending->read_due <= now)
      out.push_back({message.sender, message.message_id, domain::Status::read});
  }
  return out;
}

std::optional<Inbox::Clock::time_point> Inbox::next_due() const {
  std::optional<Clock::time_point> next;
  for (const auto& [id, pending] : pending_) {
    if (pending.stage == Stage::taken) continue;
    const auto due = pending.stage == Stage::shown ? Clock::time_point::min() : pending.read_due;
    next = next ? std::min(*next, due) : due;
  }
  return next;
}

void Inbox::published(const Receipt& receipt, Clock::time_point now) {
  const auto let_go = unconfirmed_.published(receipt, now);
  note(encode_published(receipt, unconfirmed_.tries(receipt.message_id)));
  if (let_go) note("confirmed", *let_go);
  if (const auto found = pending_.find(receipt.message_id); found != pending_.end()) {
    if (receipt.status == domain::Status::delivered && read_after_) {
      // Not a repeated one, whose message may be further by now.
      if (found->second.stage == Stage::shown) {
        found->second.stage = Stage::delivered;
        note("delivered", receipt.message_id);
      }
    } else {
      note("finished", receipt.message_id);
      finish(receipt.message_id);
    }
  }
  rewrite_if_large();
}

void Inbox::looked_up(const std::vector<domain::MessageId>& asked, const std::vector<Receipt>& found, Clock::time_point now) {
  for (const domain::MessageId& id : unconfirmed_.looked_up(asked, found, now)) note("confirmed", id);
  rewrite_if_large();
}

void Inbox::note(std::string_view kind, const domain::MessageId& id) { note(encode_record(kind, id)); }

// Losing one of these notes (a full disk) repeats a receipt or a message at the next start, or leaves a receipt without being
// looked up: it is with the broker then.
void Inbox::note(const std::string& record) {
  const auto written = journal_->append(record, Journal::Durability::process);
  static_cast<void>(written.ok());
}

void Inbox::finish(const domain::MessageId& id) {
  pending_.erase(id);
  remember(id);
}

void Inbox::remember(const domain::MessageId& id) {
  if (!remembered_.insert(id).second) return;
  remembered_order_.push_back(id);
  if (remembered_order_.size() > kRemembered) {
    remembered_.erase(remembered_order_.front());
    remembered_order_.pop_front();
  }
}

std::vector<const Inbox::Pending*> Inbox::in_order() const {
  std::vector<const Pending*> out;
  out.reserve(pending_.size());
  for (const auto& [id, pending] : pending_) out.push_back(&pending);
  std::ranges::sort(out, {}, &Pending::order);
  return out;
}

void Inbox::rewrite_if_large() {
  if (journal_->bytes() <= rewrite_past_) return;
  std::vector<std::string> records;
  for (const domain::MessageId& id : remembered_order_) records.push_back(encode_record("finished", id));
  for (const auto& [receipt, tries] : unconfirmed_.all()) records.push_back(encode_published(receipt, tries));
  for (const Pending* pending : in_order()) {
    const domain::SendMessage& message = pending->incoming.message;
    records.push_back(encode_message_record(message, pending->incoming.time));
    if (pending->stage == Stage::shown) records.push_back(encode_record("shown", message.message_id));
    if (pending->stage == Stage::delivered) records.push_back(encode_record("delivered", message.message_id));
  }
  // A file that cannot be rewritten now goes on growing and is tried again at the next receipt. One that stays large must not
  // be rewritten at each.
  if (journal_->rewrite(records)) rewrite_past_ = std::max(kRewriteBytes, journal_->bytes() + journal_->bytes() / 2);
}

}  // namespace hermes::chat
