#include "adapters/chat/session.h"

#include <algorithm>
#include <boost/uuid/random_generator.hpp>
#include <boost/uuid/uuid_io.hpp>
#include <condition_variable>
#include <mutex>
#include <thread>
#include <utility>

#include "adapters/chat/broker.h"
#include "adapters/chat/connection_state.h"
#include "adapters/chat/mailbox.h"
#include "adapters/chat/store/lanes.h"
#include "adapters/mqtt/client.h"
#include "adapters/wire/wire.h"
#include "base/wall_clock.h"

namespace hermes::chat {
namespace {

using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;

constexpr milliseconds kAfterFailure{1'000};
// Between attempts to reach a broker that was never reached.
constexpr milliseconds kFirstConnectWait{200};
constexpr milliseconds kLongestConnectWait{3'000};

std::string new_uuid() {
  thread_local boost::uuids::random_generator generate;
  return to_string(generate());
}

}  // namespace

class Session::Impl {
 public:
  Impl(Settings settings, Lanes lanes, std::unique_ptr<Inbox> inbox)
      : settings_(std::move(settings)),
        mailbox_(settings_.user, std::move(lanes), std::move(inbox), notices_),
        client_(broker_settings(settings_, new_uuid())) {
    client_.on_message([this](const mqtt::Message& message) { return arrived(message.payload); });
    client_.on_connected([this](bool session_present) { connection_made(session_present); });
    client_.on_disconnected([this](const mqtt::Disconnection& lost) { connection_lost(lost); });
    courier_ = std::thread([this] { carry(); });
  }

  ~Impl() {
    {
      std::lock_guard lock(mutex_);
      stopping_ = true;
    }
    changed_.notify_all();
    courier_.join();
    client_.disconnect();
  }

  Result<Outgoing, Error> send(const domain::UserId& receiver, const std::string& text, std::optional<domain::MessageId> id) {
    if (!id) id = *domain::MessageId::parse(new_uuid());
    const Outgoing outgoing{.message = {.message_id = *id,
                                        .sender = settings_.user,
                                        .sender_name = settings_.name,
                                        .receiver = receiver,
                                        .content = text,
                                        .message_type = "text"},
                            .time = wall_clock()};
    {
      std::lock_guard lock(mutex_);
      if (auto added = mailbox_.add(outgoing, Clock::now()); !added) return fail(added.error());
    }
    changed_.notify_all();
    return outgoing;
  }

  void give_up(const domain::MessageId& id, const std::string& reason) {
    {
      std::lock_guard lock(mutex_);
      mailbox_.give_up(id, reason);
    }
    changed_.notify_all();
  }

  void set_typing(const domain::UserId& receiver, bool is_typing) {
    if (!connected()) return;
    // What is late or lost is of no use to anybody.
    const auto published = publish(client_, settings_, domain::SetTyping{settings_.user, settings_.name, receiver, is_typing});
    if (!published) return;
  }

  void shown(const std::vector<domain::MessageId>& ids) {
    {
      std::lock_guard lock(mutex_);
      mailbox_.shown(ids, Clock::now());
    }
    changed_.notify_all();
  }

  void found(const std::vector<Incoming>& messages) {
    std::lock_guard lock(mutex_);
    for (const Incoming& incoming : messages) {
      if (!mailbox_.take(incoming)) return;  // the trouble has been told; they will be found again
    }
  }

  std::vector<domain::MessageId> receipts_to_look_up(std::size_t limit) const {
    std::lock_guard lock(mutex_);
    return mailbox_.receipts_to_look_up(Clock::now(), limit);
  }

  std::optional<Clock::time_point> next_look_for_receipts() const {
    std::lock_guard lock(mutex_);
    return mailbox_.next_look_for_receipts();
  }

  void receipts_looked_up(const std::vector<domain::MessageId>& asked, const std::vector<Receipt>& found) {
    {
      std::lock_guard lock(mutex_);
      mailbox_.receipts_looked_up(asked, found, Clock::now());
    }
    changed_.notify_all();
  }

  int wake_descriptor() const { return notices_.wake_descriptor(); }

  std::vector<Notice> take_notices() {
    std::vector<Notice> taken;
    bool resume = false;
    {
      std::lock_guard lock(mutex_);
      taken = notices_.take();
      resume = std::exchange(paused_, false);
    }
    if (resume) client_.resume();
    return taken;
  }

  bool connected() const {
    std::lock_guard lock(mutex_);
    return connection_.ready();
  }

  std::string last_problem() const {
    std::lock_guard lock(mutex_);
    return connection_.last_problem();
  }

  std::vector<Outgoing> unsent() const {
    std::lock_guard lock(mutex_);
    return mailbox_.lanes().own().all();
  }

  Result<std::vector<Outgoing>, Error> unsent_elsewhere() const {
    std::lock_guard lock(mutex_);
    return mailbox_.lanes().in_other_lanes();
  }

  Result<std::vector<SetAside>, Error> set_aside() const {
    std::lock_guard lock(mutex_);
    return all_set_aside(mailbox_.lanes().store());
  }

  bool settle(milliseconds timeout) {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, timeout, [&] { return mailbox_.settled(Clock::now()); });
  }

 private:
  // ---- the MQTT client's thread: nothing here may wait for the client ----

  bool arrived(std::string_view payload) {
    auto decoded = decoder_.decode(payload);
    if (!decoded) return true;  // noise on our topic; the ingester has kept it for the operator
    bool pause = false;
    {
      std::lock_guard lock(mutex_);
      if (!mailbox_.take(*decoded, wall_clock())) return false;
      pause = !paused_ && notices_.full();
      paused_ = paused_ || pause;
    }
    changed_.notify_all();
    if (pause) client_.pause();
    return true;
  }

  void connection_made(bool session_was_kept) {
    {
      std::lock_guard lock(mutex_);
      mailbox_.retry_now();
      tell_unless_paused(connection_.made(session_was_kept, Clock::now()));
    }
    changed_.notify_all();
  }

  void connection_lost(const mqtt::Disconnection& lost) {
    {
      std::lock_guard lock(mutex_);
      if (lost.cause == mqtt::Disconnection::Cause::session_left_to_another) notices_.tell(SessionTaken{});
      tell_unless_paused(connection_.lost(lost, Clock::now()));
    }
    changed_.notify_all();
  }

  // Requires: mutex_ held.
  void tell_unless_paused(const std::optional<ConnectionChanged>& change) {
    if (change && !paused_) notices_.tell(*change);
  }

  // ---- the courier's thread: connects, publishes what is due ----

  void carry() {
    connect();
    std::unique_lock lock(mutex_);
    while (!stopping_) {
      if (!connection_.ready()) {
        changed_.wait(lock, [&] { return stopping_ || connection_.ready(); });
        continue;
      }
      const Mailbox::Due due = mailbox_.take_due(Clock::now());
      if (due.messages.empty() && due.receipts.empty()) {
        wait_for_work(lock);
        continue;
      }
      lock.unlock();
      for (const Outbox::Attempt& attempt : due.messages) try_to_publish(attempt.outgoing);
      const bool out = publish(client_, settings_, due.receipts).ok();
      lock.lock();
      mailbox_.published(due.messages);
      if (out) {
        mailbox_.published(due.receipts, Clock::now());
        changed_.notify_all();
      } else {
        mailbox_.hold_receipts(Clock::now() + kAfterFailure);
      }
    }
  }

  // What does not get through now is due again later, or at the next connection.
  void try_to_publish(const Outgoing& outgoing) {
    const auto published = publish(client_, settings_, outgoing);
    if (published) return;
    std::lock_guard lock(mutex_);
    connection_.not_published(published.error().message);
  }

  // Requires: the lock is held and nothing is due. The changes that matter (a message sent, shown, acknowledged; a
  // connection) all notify.
  void wait_for_work(std::unique_lock<std::mutex>& lock) {
    const auto due = mailbox_.next_due();
    due ? void(changed_.wait_until(lock, *due)) : changed_.wait(lock);
  }

  void connect() {
    milliseconds wait = kFirstConnectWait;
    for (;;) {
      const auto made = connect_and_subscribe(client_, settings_);
      std::unique_lock lock(mutex_);
      if (stopping_) return;
      if (made) {
        notices_.tell(connection_.subscribed());
        changed_.notify_all();
        return;
      }
      if (const auto change = connection_.not_made(made.error().message)) notices_.tell(*change);
      if (changed_.wait_for(lock, wait, [&] { return stopping_; })) return;
      wait = std::min(wait * 2, kLongestConnectWait);
    }
  }

  const Settings settings_;
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  Notices notices_;
  Mailbox mailbox_;
  bool stopping_ = false;
  ConnectionState connection_;
  bool paused_ = false;
  wire::Decoder decoder_;  // the MQTT client's thread only
  std::thread courier_;
  mqtt::Client client_;  // last: its callbacks end before the rest goes
};

Session::Session(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Session::~Session() = default;

Result<std::unique_ptr<Session>, Error> Session::open(Settings settings) {
  if (settings.name.empty()) settings.name = settings.user.str();
  if (auto name = domain::check_text("sender_name", settings.name, domain::kSenderNameMaxCharacters); !name)
    return fail(Error{name.error().message()});
  if (domain::is_broadcast(settings.user)) return fail(Error{"a user cannot be called \"all\": it means everyone"});
  const std::filesystem::path folder = user_folder(settings.outbox_root, settings.user);
  std::unique_ptr<Inbox> inbox;
  auto lanes = settings.role == Role::attend ? Lanes::attend(folder) : Lanes::send_only(folder);
  if (!lanes) return fail(lanes.error());
  if (settings.role == Role::attend) {
    auto opened = Inbox::open(lanes->store(), settings.read_after, Clock::now());
    if (!opened) return fail(opened.error());
    inbox = std::move(*opened);
  }
  auto impl = std::make_unique<Impl>(std::move(settings), std::move(*lanes), std::move(inbox));
  return std::unique_ptr<Session>(new Session(std::move(impl)));
}

Result<Outgoing, Error> Session::send(const domain::UserId& receiver, const std::string& text,
                                      std::optional<domain::MessageId> id) {
  return impl_->send(receiver, text, std::move(id));
}
void Session::give_up(const domain::MessageId& id, const std::string& reason) { impl_->give_up(id, reason); }
void Session::set_typing(const domain::UserId& receiver, bool is_typing) { impl_->set_typing(receiver, is_typing); }
void Session::shown(const std::vector<domain::MessageId>& ids) { impl_->shown(ids); }
void Session::found(const std::vector<Incoming>& messages) { impl_->found(messages); }
std::vector<domain::MessageId> Session::receipts_to_look_up(std::size_t limit) const {
  return impl_->receipts_to_look_up(limit);
}
std::optional<Session::Clock::time_point> Session::next_look_for_receipts() const { return impl_->next_look_for_receipts(); }
void Session::receipts_looked_up(const std::vector<domain::MessageId>& asked, const std::vector<Receipt>& found) {
  impl_->receipts_looked_up(asked, found);
}
int Session::wake_descriptor() const { return impl_->wake_descriptor(); }
std::vector<Notice> Session::take_notices() { return impl_->take_notices(); }
bool Session::connected() const { return impl_->connected(); }
std::string Session::last_problem() const { return impl_->last_problem(); }
std::vector<Outgoing> Session::unsent() const { return impl_->unsent(); }
Result<std::vector<Outgoing>, Error> Session::unsent_elsewhere() const { return impl_->unsent_elsewhere(); }
Result<std::vector<SetAside>, Error> Session::set_aside() const { return impl_->set_aside(); }
bool Session::settle(milliseconds timeout) { return impl_->settle(timeout); }

}  // namespace hermes::chat
