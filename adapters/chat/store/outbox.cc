#include "adapters/chat/store/outbox.h"

#include <algorithm>
#include <utility>

#include "adapters/chat/store/stored_message.h"

namespace hermes::chat {
namespace {

std::chrono::milliseconds wait_after(unsigned attempts) {
  std::chrono::milliseconds wait = Outbox::kFirstRetry;
  for (unsigned i = 1; i < attempts && wait < Outbox::kLongestRetry; ++i) wait *= 2;
  return std::min(wait, Outbox::kLongestRetry);
}

}  // namespace

Result<std::unique_ptr<Outbox>, Error> Outbox::open(Store& store, std::string lane) {
  std::unique_ptr<Outbox> outbox(new Outbox(store, std::move(lane)));
  if (auto loaded = outbox->load(); !loaded) return fail(loaded.error());
  return outbox;
}

Result<Done, Error> Outbox::load() {
  return store_.read([&](sqlite::Connection& connection) {
    connection.query(R"sql(
SELECT message_id, sender_id, sender_name, receiver_id, content, message_type, time, attempts, overtaken, position
FROM outbox WHERE lane = ? ORDER BY position
)sql",
                     {lane_}, [&](const sqlite::Row& row) {
                       next_order_ = static_cast<std::uint64_t>(row.integer(9));
                       insert({.outgoing = {message_in(row), time_in(row)},
                               .attempts = static_cast<unsigned>(row.integer(7)),
                               .overtaken = static_cast<unsigned>(row.integer(8))});
                     });
  });
}

Result<Done, Error> Outbox::add(const Outgoing& outgoing) {
  if (const auto known = waiting(outgoing.message.message_id)) {
    if (known->message == outgoing.message) return Done{};
    return fail(Error{"another message with the id " + outgoing.message.message_id.str() +
                      " waits in the outbox. Give this one an id of its own"});
  }
  if (size() >= kMaxMessages) {
    return fail(Error{"the outbox is full: " + std::to_string(size()) +
                      " messages wait for the server. Is `hermes ingest` running? Try: ./run_chat.sh status"});
  }
  const auto written = store_.write(Store::Durability::power, [&](sqlite::Connection& connection) {
    connection.run(R"sql(
INSERT INTO outbox (message_id, sender_id, sender_name, receiver_id, content, message_type, time, lane, position)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)
)sql",
                   StoredMessage(outgoing.message, outgoing.time, {lane_, static_cast<std::int64_t>(next_order_)}).values());
  });
  if (!written) return fail(written.error());
  insert({.outgoing = outgoing});
  return Done{};
}

Outbox::Merge Outbox::merge_with(const Outbox& other) const {
  Merge merge;
  const std::vector<const Waiting*> ours = ordered();
  auto next_of_ours = ours.begin();
  // Each side keeps its own order, whatever the clock did meanwhile.
  for (const Waiting* theirs : other.ordered()) {
    const auto known = waiting(theirs->outgoing.message.message_id);
    if (known && known->message == theirs->outgoing.message) merge.doubled.push_back(theirs->outgoing.message.message_id);
    if (known || size() + merge.taken.size() >= kMaxMessages) continue;
    while (next_of_ours != ours.end() && (*next_of_ours)->outgoing.time <= theirs->outgoing.time)
      merge.all.push_back({**next_of_ours++, lane_});
    merge.all.push_back({*theirs, other.lane_});
    merge.taken.push_back(theirs->outgoing);
  }
  while (next_of_ours != ours.end()) merge.all.push_back({**next_of_ours++, lane_});
  return merge;
}

Result<std::vector<Outgoing>, Error> Outbox::take_over(Outbox& other) {
  Merge merge = merge_with(other);
  if (merge.taken.empty() && merge.doubled.empty()) return merge.taken;
  const auto written = store_.write(Store::Durability::power, [&](sqlite::Connection& connection) {
    for (const domain::MessageId& id : merge.doubled) other.store_removal(connection, id);
    auto position = static_cast<std::int64_t>(next_order_);
    for (const auto& [waiting, from] : merge.all) {
      connection.run("UPDATE outbox SET lane = ?, position = ? WHERE lane = ? AND message_id = ?",
                     {lane_, position++, from, waiting.outgoing.message.message_id.str()});
    }
  });
  if (!written) return fail(written.error());
  for (const domain::MessageId& id : merge.doubled) other.remove(id);
  for (const Outgoing& outgoing : merge.taken) other.remove(outgoing.message.message_id);
  queues_.clear();
  receiver_of_.clear();
  for (auto& [waiting, from] : merge.all) insert(std::move(waiting));
  return merge.taken;
}

bool Outbox::acknowledged(const domain::MessageId& id) {
  const Waiting* found = find(id);
  if (!found) return false;
  const Waiting done = *found;
  const auto overtaken = note_overtaking(queues_.at(done.outgoing.message.receiver), done);
  note([&](sqlite::Connection& connection) {
    store_tries(connection, overtaken);
    store_removal(connection, id);
  });
  remove(id);
  return true;
}

Result<Done, Error> Outbox::forget(const domain::MessageId& id) {
  if (!find(id)) return Done{};
  const auto written =
      store_.write(Store::Durability::power, [&](sqlite::Connection& connection) { store_removal(connection, id); });
  if (!written) return fail(written.error());
  remove(id);
  return Done{};
}

std::vector<Outbox::Attempt> Outbox::take_due(Clock::time_point now) {
  std::vector<const Waiting*> due;
  for (auto& [receiver, queue] : queues_) {
    std::size_t under_way = 0;
    for (Waiting& waiting : queue) {
      if (waiting.due <= now) {
        ++waiting.attempts;
        if (waiting.first_tried == Clock::time_point::min()) waiting.first_tried = now;
        waiting.tried = now;
        waiting.due = now + wait_after(waiting.attempts);
        due.push_back(&waiting);
      }
      const auto overtaken_from = waiting.may_be_overtaken_from();
      if (++under_way == kUnderWayMax || !overtaken_from || now < *overtaken_from) break;
    }
  }
  std::ranges::sort(due, {}, &Waiting::order);
  std::vector<Attempt> out;
  out.reserve(due.size());
  for (const Waiting* waiting : due) out.push_back({waiting->outgoing, waiting->attempts});
  if (!due.empty()) note([&](sqlite::Connection& connection) { store_tries(connection, due); });
  return out;
}

std::optional<Outbox::Clock::time_point> Outbox::next_due() const {
  std::optional<Clock::time_point> next;
  for (const auto& [receiver, queue] : queues_) {
    std::size_t under_way = 0;
    Clock::time_point not_before = Clock::time_point::min();
    for (const Waiting& waiting : queue) {
      const Clock::time_point due = std::max(waiting.due, not_before);
      next = next ? std::min(*next, due) : due;
      const auto overtaken_from = waiting.may_be_overtaken_from();
      if (++under_way == kUnderWayMax || !overtaken_from) break;
      not_before = std::max(not_before, *overtaken_from);
    }
  }
  return next;
}

void Outbox::retry_now() {
  for (auto& [receiver, queue] : queues_) {
    for (Waiting& waiting : queue) waiting.due = Clock::time_point::min();
  }
}

std::vector<Outbox::Attempt> Outbox::given_up() const {
  std::vector<Attempt> out;
  for (const auto& [receiver, queue] : queues_) {
    for (const Waiting& waiting : queue) {
      if (waiting.overtaken >= kOvertakenMax) out.push_back({waiting.outgoing, waiting.attempts});
    }
  }
  return out;
}

std::optional<Outgoing> Outbox::waiting(const domain::MessageId& id) const {
  const Waiting* found = find(id);
  if (!found) return std::nullopt;
  return found->outgoing;
}

std::vector<Outgoing> Outbox::all() const {
  std::vector<Outgoing> out;
  for (const Waiting* waiting : ordered()) out.push_back(waiting->outgoing);
  return out;
}

std::optional<Outbox::Clock::time_point> Outbox::Waiting::may_be_overtaken_from() const {
  if (attempts < kSuspectAttempts) return std::nullopt;
  return tried + kFirstRetry;
}

void Outbox::insert(Waiting waiting) {
  const domain::UserId receiver = waiting.outgoing.message.receiver;
  if (!receiver_of_.emplace(waiting.outgoing.message.message_id, receiver).second) return;
  waiting.order = next_order_++;
  queues_[receiver].push_back(std::move(waiting));
}

const Outbox::Waiting* Outbox::find(const domain::MessageId& id) const {
  const auto receiver = receiver_of_.find(id);
  if (receiver == receiver_of_.end()) return nullptr;
  const Queue& queue = queues_.at(receiver->second);
  // Nearly always the first one.
  const auto found =
      std::ranges::find_if(queue, [&](const Waiting& waiting) { return waiting.outgoing.message.message_id == id; });
  return found == queue.end() ? nullptr : &*found;
}

Outbox::Waiting* Outbox::find(const domain::MessageId& id) { return const_cast<Waiting*>(std::as_const(*this).find(id)); }

bool Outbox::remove(const domain::MessageId& id) {
  const auto found = receiver_of_.find(id);
  if (found == receiver_of_.end()) return false;
  const auto at = queues_.find(found->second);
  std::erase_if(at->second, [&](const Waiting& waiting) { return waiting.outgoing.message.message_id == id; });
  if (at->second.empty()) queues_.erase(at);
  receiver_of_.erase(found);
  return true;
}

// Counts only what speaks against the earlier one: its last try must have been well before the later one's first, and after
// whatever was counted before.
std::vector<const Outbox::Waiting*> Outbox::note_overtaking(Queue& queue, const Waiting& by) {
  std::vector<const Waiting*> overtaken;
  for (Waiting& earlier : queue) {
    if (earlier.order >= by.order) break;
    const bool tried_in_vain = earlier.attempts >= kSuspectAttempts && earlier.tried != Clock::time_point::min() &&
                               earlier.tried >= earlier.overtaken_at;
    const bool speaks_against = tried_in_vain && by.first_tried >= earlier.tried + kFirstRetry;
    if (!speaks_against) continue;
    ++earlier.overtaken;
    earlier.overtaken_at = by.first_tried;
    earlier.due = Clock::time_point::min();  // the server answers: now or never
    overtaken.push_back(&earlier);
  }
  return overtaken;
}

// On a full disk the next run sends once more what was acknowledged, counts fewer tries than there were, and tries longer.
void Outbox::note(const Store::Work& work) {
  if (!store_.write(Store::Durability::process, work)) return;
}

void Outbox::store_tries(sqlite::Connection& connection, const std::vector<const Waiting*>& tried) const {
  for (const Waiting* waiting : tried) {
    connection.run("UPDATE outbox SET attempts = ?, overtaken = ? WHERE lane = ? AND message_id = ?",
                   {waiting->attempts, waiting->overtaken, lane_, waiting->outgoing.message.message_id.str()});
  }
}

void Outbox::store_removal(sqlite::Connection& connection, const domain::MessageId& id) const {
  connection.run("DELETE FROM outbox WHERE lane = ? AND message_id = ?", {lane_, id.str()});
}

std::vector<const Outbox::Waiting*> Outbox::ordered() const {
  std::vector<const Waiting*> out;
  for (const auto& [receiver, queue] : queues_) {
    for (const Waiting& waiting : queue) out.push_back(&waiting);
  }
  std::ranges::sort(out, {}, &Waiting::order);
  return out;
}

}  // namespace hermes::chat
