#include "domain/stream_id.h"

namespace hermes::domain {

std::string message_stream(const MessageId& id) { return "message/" + id.str(); }

std::string typing_stream(const UserId& sender, const UserId& receiver) {
  return "typing/" + sender.str() + "/" + receiver.str();
}

std::string stream_of(const Command& command) {
  struct {
    std::string operator()(const SendMessage& send) const { return message_stream(send.message_id); }
    std::string operator()(const RecordReceipt& receipt) const { return message_stream(receipt.message_id); }
    std::string operator()(const SetTyping& typing) const { return typing_stream(typing.sender, typing.receiver); }
  } visitor;
  return std::visit(visitor, command);
}

}  // namespace hermes::domain
