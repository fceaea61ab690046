#include "adapters/chat/outbox.h"

#include <algorithm>
#include <unordered_set>
#include <utility>

#include "adapters/chat/records.h"

namespace hermes::chat {
namespace {

std::filesystem::path file_in(const std::filesystem::path& folder) { return folder / "outbox.log"; }

std::chrono::milliseconds wait_after(unsigned attempts) {
  std::chrono::milliseconds wait = Outbox::kFirstRetry;
  for (unsigned i = 1; i < attempts && wait < Outbox::kLongestRetry; ++i) wait *= 2;
  return std::min(wait, Outbox::kLongestRetry);
}

}  // namespace

Result<std::unique_ptr<Outbox>, Error> Outbox::open(const std::filesystem::path& folder) {
  std::unique_ptr<Outbox> outbox(new Outbox);
  auto journal = Journal::open(file_in(folder), [&](std::string_view json) { outbox->replay(json); });
  if (!journal) return fail(journal.error());
  outbox->journal_ = std::move(*journal);
  return outbox;
}

std::vector<Outgoing> Outbox::peek(const std::filesystem::path& folder) {
  Outbox seen;
  Journal::read(file_in(folder), [&](std::string_view json) { seen.replay(json); });
  return seen.all();
}

void Outbox::replay(std::string_view json) {
  const auto record = decode_record(json);
  if (!record) return;
  if (record->kind == "message" && record->message) insert({.outgoing = {*record->message, record->time}});
  const auto id = domain::MessageId::parse(record->message_id);
  if (!id) return;
  if (record->kind == "acknowledged" || record->kind == "forgotten") remove(*id);
  if (record->kind == "tried") {
    if (Waiting* waiting = find(*id)) waiting->attempts = record->attempts, waiting->overtaken = record->overtaken;
  }
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
  const std::string record = encode_message_record(outgoing.message, outgoing.time);
  if (auto written = journal_->append(record, Journal::Durability::power); !written) return fail(written.error());
  insert({.outgoing = outgoing});
  return Done{};
}

Result<std::vector<Outgoing>, Error> Outbox::take_over(Outbox& other) {
  std::vector<const Waiting*> merged;
  std::vector<const Waiting*> left;
  std::vector<Outgoing> taken;
  const std::vector<const Waiting*> ours = ordered();
  auto next_of_ours = ours.begin();
  // Each side keeps its own order, whatever the clock did meanwhile.
  for (const Waiting* theirs : other.ordered()) {
    const auto known = waiting(theirs->outgoing.message.message_id);
    if (known && known->message == theirs->outgoing.message) continue;
    if (known || size() + taken.size() >= kMaxMessages) {
      left.push_back(theirs);
      continue;
    }
    while (next_of_ours != ours.end() && (*next_of_ours)->outgoing.time <= theirs->outgoing.time)
      merged.push_back(*next_of_ours++);
    merged.push_back(theirs);
    taken.push_back(theirs->outgoing);
  }
  merged.insert(merged.end(), next_of_ours, ours.end());
  if (!taken.empty()) {
    if (auto written = journal_->rewrite(records_of(merged)); !written) return fail(written.error());
    std::vector<Waiting> all;
    for (const Waiting* waiting : merged) all.push_back(*waiting);
    queues_.clear();
    receiver_of_.clear();
    for (Waiting& waiting : all) insert(std::move(waiting));
  }
  // A kill before this leaves them in both: then they are here already when they are taken over again.
  if (auto written = other.journal_->rewrite(records_of(left)); !written) return fail(written.error());
  std::unordered_set<domain::MessageId> stays;  // removing moves what `left` points to
  for (const Waiting* waiting : left) stays.insert(waiting->outgoing.message.message_id);
  for (const Outgoing& outgoing : other.all()) {
    if (!stays.contains(outgoing.message.message_id)) other.remove(outgoing.message.message_id);
  }
  return taken;
}

bool Outbox::acknowledged(const domain::MessageId& id) {
  const Waiting* found = find(id);
  if (!found) return false;
  const Waiting done = *found;
  note_overtaking(queues_.at(done.outgoing.message.receiver), done);
  remove(id);
  if (journal_->append(encode_record("acknowledged", id), Journal::Durability::process)) rewrite_if_large();
  return true;
}

Result<Done, Error> Outbox::forget(const domain::MessageId& id) {
  if (!find(id)) return Done{};
  if (auto written = journal_->append(encode_record("forgotten", id), Journal::Durability::power); !written)
    return fail(written.error());
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
  for (const Waiting* waiting : due) out.push_back({waiting->outgoing, waiting->attempts});
  for (const Waiting* waiting : due) note_tries(*waiting);
  rewrite_if_large();
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
void Outbox::note_overtaking(Queue& queue, const Waiting& by) {
  for (Waiting& earlier : queue) {
    if (earlier.order >= by.order) return;
    const bool tried_in_vain = earlier.attempts >= kSuspectAttempts && earlier.tried != Clock::time_point::min() &&
                               earlier.tried >= earlier.overtaken_at;
    const bool speaks_against = tried_in_vain && by.first_tried >= earlier.tried + kFirstRetry;
    if (!speaks_against) continue;
    ++earlier.overtaken;
    earlier.overtaken_at = by.first_tried;
    earlier.due = Clock::time_point::min();  // the server answers: now or never
    note_tries(earlier);
  }
}

void Outbox::note_tries(const Waiting& waiting) {
  const auto record = encode_attempts(waiting.outgoing.message.message_id, waiting.attempts, waiting.overtaken);
  // On a full disk the next run counts fewer tries than there were, and tries longer.
  if (!journal_->append(record, Journal::Durability::process)) return;
}

std::vector<const Outbox::Waiting*> Outbox::ordered() const {
  std::vector<const Waiting*> out;
  for (const auto& [receiver, queue] : queues_) {
    for (const Waiting& waiting : queue) out.push_back(&waiting);
  }
  std::ranges::sort(out, {}, &Waiting::order);
  return out;
}

std::vector<std::string> Outbox::records_of(const std::vector<const Waiting*>& messages) {
  std::vector<std::string> records;
  for (const Waiting* waiting : messages) {
    const domain::SendMessage& message = waiting->outgoing.message;
    records.push_back(encode_message_record(message, waiting->outgoing.time));
    if (waiting->attempts > 0) records.push_back(encode_attempts(message.message_id, waiting->attempts, waiting->overtaken));
  }
  return records;
}

void Outbox::rewrite_if_large() {
  if (journal_->bytes() <= rewrite_past_) return;
  // Twice what is left, or else a large backlog would be written again for each message of it. The same goes for a file that
  // cannot be rewritten now: it is tried again later.
  const auto rewritten = journal_->rewrite(records_of(ordered()));
  rewrite_past_ = std::max(kRewriteBytes, journal_->bytes() * 2);
}

}  // namespace hermes::chat
