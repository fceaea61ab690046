// A second opinion on the rules of a message, for tests. It was written from the design's words, in terms of what has been
// recorded about whom; it knows no states and no transitions.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>

#include "domain/commands.h"
#include "domain/message.h"

namespace hermes::domain::testing {

// What decide() answered, as one word: "2 events", "1 events", "duplicate", or a rejection's code.
inline std::string in_a_word(const Decision& decision) {
  if (const auto* events = std::get_if<Events>(&decision)) return std::to_string(events->size()) + " events";
  if (const auto* rejection = std::get_if<Rejection>(&decision)) return std::string(code(rejection->reason));
  return "duplicate";
}

class ChatModel {
 public:
  std::string answer(const SendMessage& command) {
    if (command.sender.str() == "all") return "invalid_field";
    if (!first_) {
      first_ = command;
      return "2 events";
    }
    const bool same = first_->sender == command.sender && first_->receiver == command.receiver &&
                      first_->content == command.content && first_->message_type == command.message_type;
    return same ? "duplicate" : "conflicting_message";
  }

  std::string answer(const RecordReceipt& command) {
    if (command.status == Status::sent || command.status == Status::received_by_server) return "server_only_status";
    if (!first_) return "illegal_transition";
    const std::string& user = command.user.str();
    if (user == "all") return "not_a_recipient";
    if (first_->receiver.str() == "all") {
      if (user == first_->sender.str()) return "own_broadcast_receipt";
    } else if (user != first_->receiver.str()) {
      return "not_a_recipient";
    }
    // Delivered and read may come in either order, each counts once.
    return recorded_.insert({user, command.status}).second ? "1 events" : "duplicate";
  }

  bool has(const std::string& user, Status status) const { return recorded_.contains({user, status}); }

 private:
  std::optional<SendMessage> first_;
  std::set<std::pair<std::string, Status>> recorded_;
};

}  // namespace hermes::domain::testing
