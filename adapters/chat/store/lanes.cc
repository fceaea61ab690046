#include "adapters/chat/store/lanes.h"

#include <algorithm>
#include <utility>

#include "adapters/chat/store/old_folder.h"
#include "adapters/chat/store/stored_message.h"

namespace hermes::chat {
namespace {

constexpr const char* kAttending = "chat";

std::string send_lane(int number) { return "send-" + std::to_string(number); }

// The lanes with messages, but for `own`. Two ranges of the primary key: a long outbox of one's own is not read.
Result<std::vector<std::string>, Error> others_in_use(const Store& store, const std::string& own) {
  std::vector<std::string> lanes;
  const auto read = store.read([&](sqlite::Connection& connection) {
    connection.query(R"sql(
SELECT DISTINCT lane FROM outbox WHERE lane < ?1 UNION ALL SELECT DISTINCT lane FROM outbox WHERE lane > ?1
)sql",
                     {own}, [&](const sqlite::Row& row) { lanes.push_back(row.text(0)); });
  });
  if (!read) return fail(read.error());
  return lanes;
}

Result<std::vector<Outgoing>, Error> waiting_but_in(const Store& store, const std::string& lane) {
  std::vector<Outgoing> out;
  const auto read = store.read([&](sqlite::Connection& connection) {
    connection.query(R"sql(
SELECT message_id, sender_id, sender_name, receiver_id, content, message_type, time
FROM outbox WHERE lane <> ? ORDER BY time, lane, position
)sql",
                     {lane}, [&](const sqlite::Row& row) {
                       out.push_back({message_in(row), time_in(row)});
                     });
  });
  if (!read) return fail(read.error());
  return out;
}

}  // namespace

Lanes::Lanes(OpenStore opened, FolderLock lock, std::string lane, std::unique_ptr<Outbox> outbox)
    : store_(std::move(opened.store)),
      damaged_records_(opened.damaged_records),
      lock_(std::move(lock)),
      lane_(std::move(lane)),
      outbox_(std::move(outbox)) {}

Result<Lanes, Error> Lanes::attend(const std::filesystem::path& user_folder) {
  auto opened = open_store(user_folder);
  if (!opened) return fail(opened.error());
  // Waits, for a `hermes send` that takes over what is here has the lock for a moment.
  auto lock = wait_to_lock_folder(user_folder / kAttending);
  if (lock) return open(std::move(*opened), std::move(*lock), kAttending);
  if (!lock.error().held_by_another) return fail(Error{lock.error().problem});
  return fail(Error{"another chat client of this user is open: " + lock.error().problem +
                    ". Close that one first: a user has one client at a time"});
}

Result<Lanes, Error> Lanes::send_only(const std::filesystem::path& user_folder) {
  auto opened = open_store(user_folder);
  if (!opened) return fail(opened.error());
  for (int number = 0; number < kSendLanes; ++number) {
    auto lock = lock_folder(user_folder / send_lane(number));
    if (!lock && lock.error().held_by_another) continue;
    if (!lock) return fail(Error{lock.error().problem});
    return open(std::move(*opened), std::move(*lock), send_lane(number));
  }
  return fail(Error{std::to_string(kSendLanes) + " `hermes send` of this user are running; wait for one to end, or give " +
                    "several messages to one of them on standard input"});
}

Result<Lanes::OpenStore, Error> Lanes::open_store(const std::filesystem::path& user_folder) {
  auto store = Store::open(user_folder);
  if (!store) return fail(store.error());
  const auto damaged = take_over_old_folder(**store);
  if (!damaged) return fail(damaged.error());
  return OpenStore{std::move(*store), *damaged};
}

Result<Lanes, Error> Lanes::open(OpenStore opened, FolderLock lock, const std::string& lane) {
  auto outbox = Outbox::open(*opened.store, lane);
  if (!outbox) return fail(outbox.error());
  Lanes lanes(std::move(opened), std::move(lock), lane, std::move(*outbox));
  if (auto adopted = lanes.adopt(); !adopted) return fail(adopted.error());
  return lanes;
}

Result<std::vector<Outgoing>, Error> Lanes::adopt() {
  const auto others = others_in_use(*store_, lane_);
  if (!others) return fail(others.error());
  std::vector<Outgoing> adopted;
  for (const std::string& lane : *others) {
    auto lock = lock_folder(store_->user_folder() / lane);
    if (!lock && lock.error().held_by_another) continue;  // that process lives
    if (!lock) return fail(Error{lock.error().problem});
    auto outbox = Outbox::open(*store_, lane);
    if (!outbox) return fail(outbox.error());
    auto taken = outbox_->take_over(**outbox);
    if (!taken) return fail(taken.error());
    std::ranges::move(*taken, std::back_inserter(adopted));
  }
  std::ranges::stable_sort(adopted, {}, &Outgoing::time);
  return adopted;
}

Result<std::vector<Outgoing>, Error> Lanes::in_other_lanes() const { return waiting_but_in(*store_, lane_); }

Result<std::unique_ptr<Store>, Error> Lanes::look_at(const std::filesystem::path& user_folder) {
  if (!is_old_folder(user_folder)) return Store::open_if_there(user_folder);
  auto opened = open_store(user_folder);
  if (!opened) return fail(opened.error());
  return std::move(opened->store);
}

Result<std::vector<Outgoing>, Error> Lanes::all_waiting(const Store& store) { return waiting_but_in(store, "none"); }

Result<bool, Error> Lanes::drop(Store& store, const domain::MessageId& id) {
  std::vector<std::string> lanes;
  const auto read = store.read([&](sqlite::Connection& connection) {
    connection.query("SELECT lane FROM outbox WHERE message_id = ?", {id.str()},
                     [&](const sqlite::Row& row) { lanes.push_back(row.text(0)); });
  });
  if (!read) return fail(read.error());
  bool dropped = false;
  for (const std::string& lane : lanes) {
    const auto lock = wait_to_lock_folder(store.user_folder() / lane);
    if (!lock && lock.error().held_by_another)
      return fail(Error{"the message is being sent: " + lock.error().problem + ". Close that client first"});
    if (!lock) return fail(Error{lock.error().problem});
    auto outbox = Outbox::open(store, lane);
    if (!outbox) return fail(outbox.error());
    dropped = dropped || (*outbox)->waiting(id).has_value();
    if (auto forgotten = (*outbox)->forget(id); !forgotten) return fail(forgotten.error());
  }
  return dropped;
}

}  // namespace hermes::chat
