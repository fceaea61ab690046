#include "adapters/chat/inbox.h"

#include <algorithm>
#include <utility>

#include "adapters/chat/records.h"

namespace hermes::chat {

Result<std::unique_ptr<Inbox>, Error> Inbox::open(const std::filesystem::path& folder,
                                                  std::optional<std::chrono::milliseconds> read_after,
                                                  Clock::time_point now) {
  std::unique_ptr<Inbox> inbox(new Inbox);
  inbox->read_after_ = read_after;
  auto journal = Journal::open(folder / "inbox.log", [&](std::string_view json) {
    const auto record = decode_record(json);
    if (!record) return;
    const auto id = domain::MessageId::parse(record->message_id);
    if (!id) return;
    if (record->message) {
      inbox->pending_.emplace(*id, Pending{{*record->message, record->time}, inbox->next_order_++});
    } else if (record->kind == "finished") {
      inbox->finish(*id);
    } else if (const auto found = inbox->pending_.find(*id); found != inbox->pending_.end()) {
      found->second.stage = record->kind == "delivered" ? Stage::delivered : Stage::shown;
    }
  });
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

std::vector<Inbox::Receipt> Inbox::due(Clock::time_point now, std::size_t limit) const {
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

void Inbox::published(const Receipt& receipt) {
  const auto found = pending_.find(receipt.message_id);
  if (found == pending_.end()) return;
  if (receipt.status == domain::Status::delivered && read_after_) {
    found->second.stage = Stage::delivered;
    note("delivered", receipt.message_id);
    return;
  }
  note("finished", receipt.message_id);
  finish(receipt.message_id);
  // A file that cannot be rewritten now goes on growing and is tried again at the next message.
  if (journal_->bytes() > kRewriteBytes && !rewrite()) return;
}

// Losing one of these notes (a full disk) repeats a receipt or a message at the next start, and loses nothing.
void Inbox::note(std::string_view kind, const domain::MessageId& id) {
  const auto written = journal_->append(encode_record(kind, id), Journal::Durability::process);
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

Result<Done, Error> Inbox::rewrite() {
  std::vector<std::string> records;
  for (const domain::MessageId& id : remembered_order_) records.push_back(encode_record("finished", id));
  for (const Pending* pending : in_order()) {
    const domain::SendMessage& message = pending->incoming.message;
    records.push_back(encode_message_record(message, pending->incoming.time));
    if (pending->stage == Stage::shown) records.push_back(encode_record("shown", message.message_id));
    if (pending->stage == Stage::delivered) records.push_back(encode_record("delivered", message.message_id));
  }
  return journal_->rewrite(records);
}

}  // namespace hermes::chat
