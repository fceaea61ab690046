#include "adapters/chat/receipt_check.h"

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "adapters/chat/answers.h"

namespace hermes::chat {

ReceiptCheck::ReceiptCheck(Session& session, QueryClient& queries, domain::UserId user)
    : session_(session), queries_(queries), user_(std::move(user)) {}

void ReceiptCheck::look(Clock::time_point now) {
  if (asking_ || now < not_before_) return;
  std::vector<domain::MessageId> ids = session_.receipts_to_look_up(kAskedAtOnce);
  std::string list;  // no id holds a slash
  std::size_t bytes = 0;
  std::size_t asked = 0;
  for (; asked < ids.size(); ++asked) {
    bytes += percent_encoded("/" + ids[asked].str()).size();
    if (asked > 0 && bytes > kIdBytesMax) break;
    list += (asked > 0 ? "/" : "") + ids[asked].str();
  }
  ids.erase(ids.begin() + static_cast<std::ptrdiff_t>(asked), ids.end());
  if (ids.empty()) return;
  asking_ = true;
  queries_.get("/v1/inbox/" + percent_encoded(user_.str()) + "/receipts", {{"messages", list}},
               [this, ids, now](const QueryClient::Answer& answer) {
                 asking_ = false;
                 if (answer) {
                   session_.receipts_looked_up(ids, receipts_in(*answer, user_));
                 } else {
                   not_before_ = now + kServiceAway;
                 }
               });
}

std::optional<ReceiptCheck::Clock::time_point> ReceiptCheck::deadline() const {
  if (asking_) return std::nullopt;
  const auto next = session_.next_look_for_receipts();
  if (!next) return std::nullopt;
  return std::max(*next, not_before_);
}

}  // namespace hermes::chat
