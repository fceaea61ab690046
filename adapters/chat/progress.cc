#include "adapters/chat/progress.h"

#include "adapters/wire/wire.h"

namespace hermes::chat {

using domain::Status;

bool Progress::take(const ReceiptArrived& receipt) {
  if (receipt.status == Status::received_by_server) {
    if (on_the_server_ || receipt.user.str() != wire::kServerUser) return false;
    on_the_server_ = true;
    return true;
  }
  const bool from_a_recipient = domain::is_broadcast(receiver_) || receipt.user == receiver_;
  if (!from_a_recipient || receipt.status <= by_recipient_) return false;
  by_recipient_ = receipt.status;
  recipient_ = receipt.user.str();
  return true;
}

}  // namespace hermes::chat
