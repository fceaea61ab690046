// Finds out why the server does not take a message. The wire has no word for that; the log knows, and is asked through the
// query service. Without the service the outbox finds out in the end (outbox.h).
//
// Not thread-safe: on the thread that calls QueryClient::deliver().
#pragma once

#include "adapters/chat/query_client.h"
#include "adapters/chat/session.h"

namespace hermes::chat {

class Refusals {
 public:
  // Requires: both outlive this, and no answer is delivered after this is gone.
  Refusals(Session& session, QueryClient& queries) : session_(session), queries_(queries) {}

  // Asks, and has the session give the message up if the log says that it is refused. One question at a time: a service that
  // does not answer must not hold up those of the user, and the notice comes again.
  void look_for(const NotAcknowledged& notice);

 private:
  Session& session_;
  QueryClient& queries_;
  bool asking_ = false;
};

}  // namespace hermes::chat
