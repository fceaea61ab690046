// `hermes chat`: joins the session with the console. Shows what comes in, carries out what is typed, keeps the marks of one's
// own messages up to date.
//
// Not thread-safe: one thread.
#pragma once

#include <deque>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "adapters/chat/message_ids.h"
#include "adapters/chat/own_messages.h"
#include "adapters/chat/query_client.h"
#include "adapters/chat/refusals.h"
#include "adapters/chat/session.h"
#include "adapters/chat/typing_indicators.h"
#include "adapters/terminal/command.h"
#include "adapters/terminal/console.h"
#include "domain/identifiers.h"

namespace hermes::chat {

class Conversation {
 public:
  // Users offered for completion.
  static constexpr std::size_t kMaxUsers = 1'000;
  // Message ids offered for completion.
  static constexpr std::size_t kMaxIdsOffered = 100;

  struct Settings {
    domain::UserId user;
    std::string name;
    std::string broker;  // "127.0.0.1:1883", for messages
    // A message to a user whom nobody has heard of may be a slip of the pen. It is said when no receipt has come for so long:
    // who is there for the first time is unknown too, and answers at once.
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
  void look_for_missed();

  // Asks the query service what was typed for: a script's next line waits for the answer.
  void ask(const std::string& path, const QueryClient::Parameters& parameters, QueryClient::Handler handler);

  // What is typed.
  bool carry_out(const terminal::Command& command);  // false: leave
  void edited(std::string_view line);
  void publish(const std::vector<OwnTyping::Change>& changes);
  void send(const std::string& to, const std::string& text);
  void follow(const Outgoing& outgoing);
  void set_recipient(const std::string& user);
  void show_history(const terminal::command::History& wanted);
  void show_history_page(int left, const std::string& with, const std::string& before, std::vector<terminal::Entry> newer);
  void show_status(const std::string& id);
  void show_own_status();
  void show_timeline(const std::string& id);
  void show_inbox();
  void show_users();

  std::optional<domain::UserId> user_from(const std::string& text);
  // The whole id for the beginning of one that this session has shown; as it is if it has shown none; nothing, and that is said,
  // if several begin so.
  std::optional<std::string> whole_id(const std::string& beginning);
  void show_with_short_ids(std::vector<terminal::Entry> messages);
  void watch_for_sign_of(const domain::UserId& receiver);
  void look_for_unknown();
  void know(const std::string& user);
  terminal::KnownWords known_words() const;
  void say(std::string text) { console_.show({terminal::note(std::move(text))}); }
  void say_failed(std::string text) {
    ++failures_;
    say(std::move(text));
  }

  Session& session_;
  QueryClient& queries_;
  terminal::Console& console_;
  const Settings settings_;

  std::string recipient_;  // standing; empty: none
  OwnMessages own_;
  Refusals refusals_;
  MessageIds shown_ids_;
  std::set<std::string> users_;   // who was heard of
  bool users_are_all_ = false;    // the query service has said who there is
  struct Unknown {
    std::string user;
    Session::Clock::time_point said_at;
  };
  std::deque<Unknown> unknown_;           // in order
  std::set<std::string> ever_unknown_;    // each is said once
  std::size_t failures_ = 0;
  bool session_taken_ = false;
  OwnTyping own_typing_;
  OthersTyping others_typing_;
  std::string trouble_with_connection_;
  std::size_t open_questions_ = 0;
  std::deque<Session::Clock::time_point> looks_for_missed_;  // when to look, in order
  bool may_have_missed_broadcasts_ = false;

  // Collected from one batch of notices and shown at once.
  std::vector<terminal::Entry> pending_;
  std::vector<domain::MessageId> pending_ids_;
};

}  // namespace hermes::chat
