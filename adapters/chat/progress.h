// How far one message of one's own has come, from the receipts for it. Pure.
//
// What the server says and what recipients say are kept apart: a recipient's client gets a message from the broker, and may
// report it read while no ingester runs. Then the server has nothing, and nothing but its own ack ends the retries.
//
// Not thread-safe.
#pragma once

#include <string>
#include <utility>

#include "adapters/chat/notices.h"

namespace hermes::chat {

class Progress {
 public:
  explicit Progress(domain::UserId receiver) : receiver_(std::move(receiver)) {}

  // False for a receipt that changes nothing, and for one that its user has no say in: whoever may publish can forge receipts,
  // so only the server speaks for the server, and only a recipient for themselves. Requires: it is for this message.
  bool take(const ReceiptArrived& receipt);

  bool on_the_server() const { return on_the_server_; }
  // The furthest that a recipient has stated, delivered or read, and who that was; else `sent`.
  domain::Status by_recipient() const { return by_recipient_; }
  const std::string& recipient() const { return recipient_; }

 private:
  domain::UserId receiver_;
  bool on_the_server_ = false;
  domain::Status by_recipient_ = domain::Status::sent;
  std::string recipient_;
};

}  // namespace hermes::chat
