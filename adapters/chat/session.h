// One user's end of the chat: joins the broker (adapters/mqtt), the wire format (adapters/wire), the outbox and the inbox. It
// knows no screen: what happens comes out as notices (notices.h), and whoever shows a message says so.
//
//   auto session = Session::open(settings);
//   session->send(david, "Hello");                        // on the disk when it returns; published until acknowledged
//   poll(session->wake_descriptor()); for (Notice& notice : session->take_notices()) ...
//   session->shown({id});                                  // delivered now, read after `read_after`
//
// Thread-safe. Opening does not wait for the broker: it is connected in the background, again and again if need be.
#pragma once

#include <chrono>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "adapters/chat/notices.h"
#include "adapters/chat/store/error.h"
#include "adapters/chat/store/inbox.h"
#include "adapters/chat/store/outbox.h"
#include "adapters/chat/store/set_aside.h"
#include "base/result.h"
#include "domain/commands.h"

namespace hermes::chat {

class Session {
 public:
  using Clock = std::chrono::steady_clock;

  enum class Role {
    attend,    // takes what comes in; one process per user
    send_only  // sends and watches the receipts; beside the attending client and beside others of its kind
  };

  struct Settings {
    std::string broker_host = "127.0.0.1";
    std::uint16_t broker_port = 1883;
    std::string broker_username{};  // empty: anonymous
    std::string broker_password{};
    std::string topic_root = "chat/messages";
    domain::UserId user;
    std::string name;                   // empty: as the user id
    std::filesystem::path outbox_root;  // user_folder.h
    Role role = Role::attend;
    std::optional<std::chrono::milliseconds> read_after = std::chrono::seconds(2);  // nothing: never
  };

  // Fails when another client of the user is open, or the folder cannot be used. What an earlier run left unsent is sent;
  // what it took but did not show comes as notices.
  static Result<std::unique_ptr<Session>, Error> open(Settings settings);
  ~Session();  // keeps what is unsent for the next run

  // `id`: the caller's, for scripts that must be able to repeat a call; otherwise a new UUID. Fails for text the server would
  // refuse (docs/wire.md), for an id that another message in the outbox has, when the outbox is full, and when the disk does
  // not take it: then nothing is sent.
  Result<Outgoing, Error> send(const domain::UserId& receiver, const std::string& text,
                               std::optional<domain::MessageId> id = std::nullopt);
  // The server is known to refuse it: it comes back as GivenUp. Nothing happens if it is not waiting.
  void give_up(const domain::MessageId& id, const std::string& reason);
  void set_typing(const domain::UserId& receiver, bool is_typing);
  void shown(const std::vector<domain::MessageId>& ids);
  // Messages that were found elsewhere than at the broker. They come as notices, unless they came before or are for others.
  void found(const std::vector<Incoming>& messages);

  // Receipts that are with the broker, until they are in the log: the messages to look up now, when the next one is to be, and
  // what a look has found. What is missing is published again (unconfirmed_receipts.h).
  std::vector<domain::MessageId> receipts_to_look_up(std::size_t limit) const;
  std::optional<Clock::time_point> next_look_for_receipts() const;
  void receipts_looked_up(const std::vector<domain::MessageId>& asked, const std::vector<Receipt>& found);

  int wake_descriptor() const;  // readable when there are notices
  std::vector<Notice> take_notices();

  bool connected() const;
  std::string last_problem() const;      // why there is no connection
  std::vector<Outgoing> unsent() const;  // oldest first
  // What other processes of this user have in their outboxes, and what none of them sends any more.
  Result<std::vector<Outgoing>, Error> unsent_elsewhere() const;
  Result<std::vector<SetAside>, Error> set_aside() const;
  // Waits until the server has everything and the receipts are out. False when the time is over first.
  bool settle(std::chrono::milliseconds timeout);

 private:
  class Impl;
  explicit Session(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace hermes::chat
