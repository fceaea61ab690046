#include "adapters/chat/store/inbox.h"

#include <algorithm>
#include <string>
#include <utility>

#include "adapters/chat/store/stored_message.h"

namespace hermes::chat {

Result<std::unique_ptr<Inbox>, Error> Inbox::open(Store& store, std::optional<std::chrono::milliseconds> read_after,
                                                  Clock::time_point now) {
  std::unique_ptr<Inbox> inbox(new Inbox(store, read_after));
  if (auto loaded = inbox->load(now); !loaded) return fail(loaded.error());
  if (!read_after) {
    std::vector<domain::MessageId> complete;  // delivered by an earlier run, and this one reports nothing as read
    for (const Pending* pending : inbox->in_order()) {
      if (pending->stage == Stage::delivered) complete.push_back(pending->incoming.message.message_id);
    }
    for (const domain::MessageId& id : complete) inbox->finish(id);
    inbox->write_notes();
  }
  return inbox;
}

Result<Done, Error> Inbox::load(Clock::time_point now) {
  return store_.read([&](sqlite::Connection& connection) {
    connection.query("SELECT message_id FROM finished ORDER BY position", {},
                     [&](const sqlite::Row& row) { remember(id_in(row)); });
    connection.query(
        "SELECT message_id, sender_id, status, tries FROM receipts ORDER BY position", {}, [&](const sqlite::Row& row) {
          const auto status = row.text(2) == "read" ? domain::Status::read : domain::Status::delivered;
          unconfirmed_.published({user_in(row, 1), id_in(row), status}, now, static_cast<unsigned>(row.integer(3)));
        });
    connection.query(R"sql(
SELECT message_id, sender_id, sender_name, receiver_id, content, message_type, time, stage FROM inbox ORDER BY position
)sql",
                     {}, [&](const sqlite::Row& row) {
                       const std::string stage = row.text(7);
                       pending_.emplace(id_in(row),
                                        Pending{.incoming = {message_in(row), time_in(row)},
                                                .order = next_order_++,
                                                .stage = stage == "taken"   ? Stage::taken
                                                         : stage == "shown" ? Stage::shown
                                                                            : Stage::delivered,
                                                .read_due = read_after_ ? now + *read_after_ : Clock::time_point{}});
                     });
  });
}

Result<bool, Error> Inbox::take(const Incoming& incoming) {
  const domain::MessageId& id = incoming.message.message_id;
  if (remembered_.contains(id) || pending_.contains(id)) return false;
  const auto written = store_.write(Store::Durability::process, [&](sqlite::Connection& connection) {
    connection.run(R"sql(
INSERT INTO inbox (message_id, sender_id, sender_name, receiver_id, content, message_type, time) VALUES (?, ?, ?, ?, ?, ?, ?)
)sql",
                   StoredMessage(incoming.message, incoming.time).values());
  });
  if (!written) return fail(written.error());
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

void Inbox::shown(const std::vector<domain::MessageId>& ids, Clock::time_point now) {
  for (const domain::MessageId& id : ids) {
    const auto found = pending_.find(id);
    if (found == pending_.end() || found->second.stage != Stage::taken) continue;
    found->second.stage = Stage::shown;
    if (read_after_) found->second.read_due = now + *read_after_;
    note_stage(id, "shown");
  }
  write_notes();
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

void Inbox::published(const std::vector<Receipt>& receipts, Clock::time_point now) {
  for (const Receipt& receipt : receipts) note_published(receipt, now);
  write_notes();
}

void Inbox::note_published(const Receipt& receipt, Clock::time_point now) {
  const auto let_go = unconfirmed_.published(receipt, now);
  note([receipt, tries = unconfirmed_.tries(receipt.message_id)](sqlite::Connection& connection) {
    connection.run(R"sql(
INSERT INTO receipts (message_id, sender_id, status, tries) VALUES (?, ?, ?, ?)
ON CONFLICT DO UPDATE SET tries = excluded.tries
)sql",
                   {receipt.message_id.str(), receipt.sender.str(), domain::to_string(receipt.status), tries});
  });
  if (let_go) note_confirmed(*let_go);
  const auto found = pending_.find(receipt.message_id);
  if (found == pending_.end()) return;
  if (receipt.status == domain::Status::read || !read_after_) return finish(receipt.message_id);
  // Not a repeated one, whose message may be further by now.
  if (found->second.stage != Stage::shown) return;
  found->second.stage = Stage::delivered;
  note_stage(receipt.message_id, "delivered");
}

void Inbox::looked_up(const std::vector<domain::MessageId>& asked, const std::vector<Receipt>& found, Clock::time_point now) {
  for (const domain::MessageId& id : unconfirmed_.looked_up(asked, found, now)) note_confirmed(id);
  write_notes();
}

void Inbox::note_stage(const domain::MessageId& id, std::string_view stage) {
  note([id, stage = std::string(stage)](sqlite::Connection& connection) {
    connection.run("UPDATE inbox SET stage = ? WHERE message_id = ?", {stage, id.str()});
  });
}

void Inbox::note_confirmed(const domain::MessageId& id) {
  note([id](sqlite::Connection& connection) { connection.run("DELETE FROM receipts WHERE message_id = ?", {id.str()}); });
}

// Losing these notes (a full disk) repeats a receipt or a message at the next start, or leaves a receipt without being looked
// up: it is with the broker then.
void Inbox::write_notes() {
  const std::vector<Store::Work> notes = std::exchange(notes_, {});
  if (notes.empty()) return;
  const auto written = store_.write(Store::Durability::process, [&](sqlite::Connection& connection) {
    for (const Store::Work& write : notes) write(connection);
  });
  static_cast<void>(written.ok());
}

void Inbox::finish(const domain::MessageId& id) {
  note([id](sqlite::Connection& connection) {
    connection.run("DELETE FROM inbox WHERE message_id = ?", {id.str()});
    connection.run("INSERT INTO finished (message_id) VALUES (?) ON CONFLICT DO NOTHING", {id.str()});
    connection.run("DELETE FROM finished WHERE position <= (SELECT max(position) FROM finished) - ?",
                   {static_cast<std::int64_t>(kRemembered)});
  });
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

}  // namespace hermes::chat
