// Looks up whether the receipts that this client has published are in the log, by the query service: what the broker lost is
// published again (unconfirmed_receipts.h). Without the service the receipts wait, on the disk, until it answers.
//
// Clocks come in as arguments. Not thread-safe: on the thread that calls QueryClient::deliver().
#pragma once

#include <chrono>
#include <cstddef>
#include <optional>

#include "adapters/chat/query_client.h"
#include "adapters/chat/session.h"
#include "domain/identifiers.h"

namespace hermes::chat {

class ReceiptCheck {
 public:
  using Clock = std::chrono::steady_clock;

  // Messages asked for at once, and the bytes of their ids in the address: the service takes 100 and 8 KiB. One question at a
  // time, so that what the user asks waits for one at most.
  static constexpr std::size_t kAskedAtOnce = 50;
  static constexpr std::size_t kIdBytesMax = 4'000;
  // After a question without an answer.
  static constexpr std::chrono::seconds kServiceAway{30};

  // Requires: both outlive this, and no answer is delivered after this is gone.
  ReceiptCheck(Session& session, QueryClient& queries, domain::UserId user);

  // Asks, if it is time to.
  void look(Clock::time_point now);
  std::optional<Clock::time_point> deadline() const;  // when to look next

 private:
  Session& session_;
  QueryClient& queries_;
  const domain::UserId user_;
  bool asking_ = false;
  Clock::time_point not_before_ = Clock::time_point::min();
};

}  // namespace hermes::chat
