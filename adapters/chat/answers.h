// What the query service answered, as entries for the screen. Pure, but for the local time zone.
//
// The service is asked over a socket: a field that is missing or of another type is shown as empty, not trusted.
#pragma once

#include <boost/json/value.hpp>
#include <optional>
#include <string>
#include <vector>

#include "adapters/chat/store/inbox.h"
#include "adapters/chat/store/outbox.h"
#include "adapters/terminal/console.h"
#include "base/timestamp.h"
#include "domain/commands.h"

namespace hermes::chat {

// "12:03" for a time of today, "11-23 12:03" for another day, in the local time zone.
std::string short_time(Timestamp time, Timestamp now);

// "fredy", "fredy → all", "you → david": whose message it is, for `user`.
std::string who(const std::string& sender, const std::string& receiver, const std::string& user);

terminal::Mark mark_of(domain::Status status);

// `page` is an answer of /v1/messages, newest first; the entries are oldest first. Their `id` is the whole one.
std::vector<terminal::Entry> history_entries(const boost::json::value& page, const std::string& user, Timestamp now);
std::vector<terminal::Entry> status_entries(const boost::json::value& answer, Timestamp now);
std::vector<terminal::Entry> timeline_entries(const boost::json::value& answer, Timestamp now);
std::vector<terminal::Entry> inbox_entries(const boost::json::value& answer, Timestamp now);
// Of the last messages of an inbox's conversations.
std::vector<std::string> message_ids_in(const boost::json::value& inbox);

// The messages of an answer of /v1/inbox/USER/undelivered, oldest first. One that could not have come over the wire is left
// out.
std::vector<Incoming> messages_in(const boost::json::value& answer);

// The receipts of an answer of /v1/inbox/USER/receipts. `sender` is not told there: it is `user`.
std::vector<Receipt> receipts_in(const boost::json::value& answer, const domain::UserId& user);

struct KnownUser {
  std::string id;
  std::string name;
};
std::vector<KnownUser> users_in(const boost::json::value& answer);

// What an answer of /v1/messages/ID/timeline says about a message of this client that was never acknowledged: why the server
// does not take it. Nothing if the answer does not say that. `attempts`: how often the message was sent. An id that another
// message has is certain at once, for the log never changes. An attempt that was refused need not be ours, since anybody may
// publish under any name: it counts when it was after ours, and our message has been sent several times in vain.
std::optional<std::string> refusal_in(const boost::json::value& timeline, const Outgoing& outgoing, unsigned attempts);
// Whether the message in the log is this one; nothing if there is none, or the answer does not say.
std::optional<bool> is_stored_as_sent(const boost::json::value& timeline, const Outgoing& outgoing);

// The `next` of a page, or empty.
std::string next_page(const boost::json::value& page);

}  // namespace hermes::chat
