#include "adapters/chat/missed_messages.h"

#include <string>
#include <utility>

#include "adapters/chat/answers.h"

namespace hermes::chat {

MissedMessages::MissedMessages(Session& session, QueryClient& queries, domain::UserId user)
    : session_(session), queries_(queries), user_(std::move(user)) {}

void MissedMessages::connection(const ConnectionChanged& change, Clock::time_point now) {
  looks_.clear();
  if (!change.connected) return;
  // For broadcasts the service has to work harder: it is asked for them only when the broker has kept nothing at all.
  broadcasts_ = !change.session_was_kept;
  if (!change.session_was_kept) looks_.push_back(now);
  for (const auto later : {kFirstLook, kLastLook}) looks_.push_back(now + later);
}

void MissedMessages::look(Clock::time_point now) {
  if (looks_.empty() || looks_.front() > now) return;
  looks_.pop_front();
  queries_.get("/v1/inbox/" + percent_encoded(user_.str()) + "/undelivered",
               {{"limit", std::to_string(QueryClient::kPageMax)}, {"broadcasts", broadcasts_ ? "true" : "false"}},
               [this](const QueryClient::Answer& answer) {
                 if (answer) session_.found(messages_in(*answer));
               });
}

std::optional<MissedMessages::Clock::time_point> MissedMessages::deadline() const {
  if (looks_.empty()) return std::nullopt;
  return looks_.front();
}

}  // namespace hermes::chat
