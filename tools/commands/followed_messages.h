// The messages of one `hermes send`: followed until each has come as far as the caller wants to know, or is refused. What
// becomes of each is told on standard output.
//
// Not thread-safe.
#pragma once

#include <algorithm>
#include <map>
#include <optional>
#include <string>

#include "adapters/chat/progress.h"
#include "adapters/chat/query_client.h"
#include "adapters/chat/refusals.h"
#include "adapters/chat/session.h"

namespace hermes::tools {

// One JSON object a line, for scripts.
void print_message_status(const std::string& id, const domain::UserId& receiver, const std::string& status);

// A message that is followed.
struct FollowedMessage {
  chat::Progress progress;
  // The id was the caller's, and may be another message's: the ack is ours once the log has been asked what it is for.
  std::optional<chat::Outgoing> to_check{};

  // Whatever is waited for, the server must have the message: nothing else ends its retries.
  bool reached(domain::Status wanted) const { return progress.on_the_server() && !to_check && furthest() >= wanted; }
  // For scripts: a status of the server's, or "waiting".
  std::string status() const { return progress.on_the_server() ? std::string(to_string(furthest())) : "waiting"; }
  std::string words() const {
    if (progress.on_the_server()) return status();
    const domain::Status said = progress.by_recipient();
    return said == domain::Status::sent ? "the outbox" : std::string(to_string(said)) + ", but not to the server";
  }

 private:
  domain::Status furthest() const { return std::max(domain::Status::received_by_server, progress.by_recipient()); }
};

class FollowedMessages {
 public:
  // Requires: session and queries outlive this. `json`: each is told as an object when it is done, else its id when it is sent.
  FollowedMessages(chat::Session& session, chat::QueryClient& queries, domain::UserId receiver, domain::Status wait_for,
                   bool json);

  // Puts it into the outbox, on disk when this returns. `id`: the caller's; then an acknowledgement may be another message's.
  Result<Done, chat::Error> send(const std::string& text, std::optional<domain::MessageId> id);

  // Takes what session and query service have to tell. True when anything happened.
  bool look();

  bool done() const { return open_.empty(); }
  const std::map<std::string, FollowedMessage>& left() const { return open_; }
  bool anything_refused() const { return refused_; }
  // A script that gives up knows each id all the same.
  void print_what_is_left() const;

 private:
  bool note(const chat::ReceiptArrived& receipt);
  void check(const chat::Outgoing& outgoing);
  void refused(const std::string& id, const std::string& reason);
  void finish_if_reached(const std::string& id);

  chat::Session& session_;
  chat::QueryClient& queries_;
  chat::Refusals refusals_;
  const domain::UserId receiver_;
  const domain::Status wait_for_;
  const bool json_;
  std::map<std::string, FollowedMessage> open_;
  bool answered_ = false;
  bool refused_ = false;
};

}  // namespace hermes::tools
