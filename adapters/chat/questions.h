// What a user asks and the query service answers: history, the status and the timeline of a message, the inbox, who there is.
// Each call asks; the answer is shown, or why there is none is said, when QueryClient::deliver() is called.
//
// Not thread-safe: on the thread that calls QueryClient::deliver().
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "adapters/chat/known_users.h"
#include "adapters/chat/message_ids.h"
#include "adapters/chat/own_messages.h"
#include "adapters/chat/query_client.h"
#include "adapters/chat/replies.h"
#include "adapters/terminal/console.h"
#include "domain/identifiers.h"

namespace hermes::chat {

// What a client has shown and heard of: it helps to ask, and stands in where the service does not answer.
struct Seen {
  KnownUsers users;
  MessageIds ids{};  // of messages shown, the user's own and others
  OwnMessages own{};
};

class Questions {
 public:
  // Requires: all outlive this, and no answer is delivered after this is gone.
  Questions(domain::UserId user, Seen& seen, QueryClient& queries, terminal::Console& console, Replies& replies);

  // The last `count` messages, with one user or all (empty).
  void history(int count, const std::string& with);
  // A message is named by its id, or by the beginning of one that was shown. Several that begin so: that is said, and nothing
  // asked.
  void status(const std::string& beginning);
  void timeline(const std::string& beginning);
  void inbox();
  void users();

  bool all_answered() const { return open_ == 0; }

 private:
  void ask(const std::string& path, const QueryClient::Parameters& parameters, QueryClient::Handler handler);
  void history_page(int left, const std::string& with, const std::string& before, std::vector<terminal::Entry> newer);
  void show_with_short_ids(std::vector<terminal::Entry> messages);
  // `beginning` itself if nothing shown begins so; nothing, and that is said, if several do.
  std::optional<std::string> whole_id(const std::string& beginning);

  const domain::UserId user_;
  Seen& seen_;
  QueryClient& queries_;
  terminal::Console& console_;
  Replies& replies_;
  std::size_t open_ = 0;
};

}  // namespace hermes::chat
