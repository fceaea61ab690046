#include "adapters/chat/outbox.h"

#include <algorithm>
#include <utility>

#include "adapters/chat/records.h"

namespace hermes::chat {

Result<std::unique_ptr<Outbox>, Error> Outbox::open(const std::filesystem::path& folder) {
  std::unique_ptr<Outbox> outbox(new Outbox);
  auto journal = Journal::open(folder / "outbox.log", [&](std::string_view json) {
    const auto record = decode_record(json);
    if (!record) return;
    if (record->kind == "message" && record->message) outbox->insert({*record->message, record->time});
    if (record->kind == "acknowledged") {
      if (const auto id = domain::MessageId::parse(record->message_id)) outbox->remove(*id);
    }
  });
  if (!journal) return fail(journal.error());
  outbox->journal_ = std::move(*journal);
  return outbox;
}

Result<Done, Error> Outbox::add(const Outgoing& outgoing) {
  if (waiting(outgoing.message.message_id)) return Done{};
  if (size() >= kMaxMessages) {
    return fail(Error{"the outbox is full: " + std::to_string(size()) +
                      " messages wait for the server. Is `hermes ingest` running? Try: ./run_chat.sh status"});
  }
  const std::string record = encode_message_record(outgoing.message, outgoing.time);
  if (auto written = journal_->append(record, Journal::Durability::power); !written) return fail(written.error());
  insert(outgoing);
  return Done{};
}

bool Outbox::acknowledged(const domain::MessageId& id) {
  if (!remove(id)) return false;
  const bool noted = journal_->append(encode_record("acknowledged", id), Journal::Durability::process).ok();
  if (noted && journal_->bytes() > kRewriteBytes) {
    // A file that cannot be rewritten now goes on growing and is tried again at the next ack.
    if (!rewrite()) return true;
  }
  return true;
}

std::vector<Outgoing> Outbox::take_due(Clock::time_point now) {
  std::vector<std::pair<std::uint64_t, Outgoing>> due;
  for (auto& [receiver, queue] : queues_) {
    if (queue.due > now) continue;
    queue.wait = std::clamp(queue.wait * 2, kFirstRetry, kLongestRetry);
    queue.due = now + queue.wait;
    due.push_back(queue.messages.front());
  }
  std::ranges::sort(due, {}, [](const auto& numbered) { return numbered.first; });
  std::vector<Outgoing> out;
  for (auto& [order, outgoing] : due) out.push_back(std::move(outgoing));
  return out;
}

std::optional<Outbox::Clock::time_point> Outbox::next_due() const {
  std::optional<Clock::time_point> next;
  for (const auto& [receiver, queue] : queues_) next = next ? std::min(*next, queue.due) : queue.due;
  return next;
}

void Outbox::retry_now() {
  for (auto& [receiver, queue] : queues_) queue.wait = {}, queue.due = Clock::time_point::min();
}

std::vector<Outgoing> Outbox::all() const {
  std::vector<std::pair<std::uint64_t, const Outgoing*>> ordered;
  for (const auto& [receiver, queue] : queues_) {
    for (const auto& [order, outgoing] : queue.messages) ordered.emplace_back(order, &outgoing);
  }
  std::ranges::sort(ordered);
  std::vector<Outgoing> out;
  for (const auto& [order, outgoing] : ordered) out.push_back(*outgoing);
  return out;
}

void Outbox::insert(Outgoing outgoing) {
  const domain::UserId receiver = outgoing.message.receiver;
  if (!receiver_of_.emplace(outgoing.message.message_id, receiver).second) return;
  queues_[receiver].messages.emplace_back(next_order_++, std::move(outgoing));
}

bool Outbox::remove(const domain::MessageId& id) {
  const auto found = receiver_of_.find(id);
  if (found == receiver_of_.end()) return false;
  const auto at = queues_.find(found->second);
  Queue& queue = at->second;
  const bool was_first = queue.messages.front().second.message.message_id == id;
  std::erase_if(queue.messages, [&](const auto& numbered) { return numbered.second.message.message_id == id; });
  if (was_first) queue.wait = {}, queue.due = Clock::time_point::min();  // the next one's turn
  if (queue.messages.empty()) queues_.erase(at);
  receiver_of_.erase(found);
  return true;
}

Result<Done, Error> Outbox::rewrite() {
  std::vector<std::string> records;
  for (const Outgoing& outgoing : all()) records.push_back(encode_message_record(outgoing.message, outgoing.time));
  return journal_->rewrite(records);
}

}  // namespace hermes::chat
