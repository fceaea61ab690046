// `hermes chat`: joins the session with the console. Shows what comes in, carries out what is typed, keeps the marks of one's
// own messages up to date.
//
// Not thread-safe: one thread.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "adapters/chat/missed_messages.h"
#include "adapters/chat/notices.h"
#include "adapters/chat/query_client.h"
#include "adapters/chat/questions.h"
#include "adapters/chat/receipt_check.h"
#include "adapters/chat/refusals.h"
#include "adapters/chat/replies.h"
#include "adapters/chat/session.h"
#include "adapters/chat/typing_indicators.h"
#include "adapters/terminal/command.h"
#include "adapters/terminal/console.h"
#include "domain/identifiers.h"

namespace hermes::chat {

class Conversation {
 public:
  // Message ids offered for completion.
  static constexpr std::size_t kMaxIdsOffered = 100;

  struct Settings {
    domain::UserId user;
    std::string name;
    std::string broker;  // "127.0.0.1:1883", for messages
    // When it is said that a recipient is unknown (known_users.h).
    std::chrono::milliseconds unknown_after = std::chrono::seconds(3);
  };

  // All three must outlive the conversation.
  Conversation(Session& session, QueryClient& queries, terminal::Console& console, Settings settings);

  struct Outcome {
    std::size_t unsent = 0;    // messages that stay in the outbox
    std::size_t failures = 0;  // lines that could not be carried out: not understood, refused, or a question that got no answer
    bool session_taken = false;  // by another client with this user's id
  };

  // Until the user leaves, the input ends, or another client takes the session. Then waits a while for what is still under way.
  Outcome run();

 private:
  terminal::Events events();
  void greet();
  void finish();

  // What comes in.
  void wake();
  void arrived(const MessageArrived& notice);
  void receipt(const ReceiptArrived& notice);
  void given_up(const GivenUp& notice);
  void taken_over(const TakenOver& notice);
  void connection(const ConnectionChanged& notice);
  void flush();
  void update_status();

  // What is typed.
  bool carry_out(const terminal::Command& command);  // false: leave
  void edited(std::string_view line);
  void publish(const std::vector<OwnTyping::Change>& changes);
  void send(const std::string& to, const std::string& text);
  void follow(const Outgoing& outgoing);
  void set_recipient(const std::string& user);
  void show_own_status();

  std::optional<domain::UserId> user_from(const std::string& text);
  terminal::KnownWords known_words() const;

  Session& session_;
  QueryClient& queries_;
  terminal::Console& console_;
  const Settings settings_;

  std::string recipient_;  // standing; empty: none
  Replies replies_;
  Seen seen_;
  Questions questions_;
  Refusals refusals_;
  MissedMessages missed_;
  ReceiptCheck receipt_check_;
  bool session_taken_ = false;
  OwnTyping own_typing_;
  OthersTyping others_typing_;
  std::string trouble_with_connection_;

  // Collected from one batch of notices and shown at once.
  std::vector<terminal::Entry> pending_;
  std::vector<domain::MessageId> pending_ids_;
};

}  // namespace hermes::chat
