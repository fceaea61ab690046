// Random users, commands and orders for the domain's properties. Few users and few bodies, so that commands meet.
#pragma once

#include <rapidcheck.h>

#include <algorithm>
#include <string>
#include <vector>

#include "domain/commands.h"
#include "domain/message.h"

namespace hermes::domain::testing {

inline UserId user(std::string_view id) { return UserId::parse(id).value(); }
inline MessageId the_message() { return MessageId::parse("m-1").value(); }

inline rc::Gen<UserId> any_user() {
  return rc::gen::map(rc::gen::element<std::string>("fredy", "david", "erin", "zoë", "all"),
                      [](const std::string& id) { return user(id); });
}

inline rc::Gen<SendMessage> any_send() {
  return rc::gen::map(rc::gen::tuple(any_user(), any_user(), rc::gen::element<std::string>("Hello", "Hello!", "Good\nbye")),
                      [](const std::tuple<UserId, UserId, std::string>& parts) {
                        const auto& [sender, receiver, content] = parts;
                        return SendMessage{the_message(), sender, "name of " + sender.str(), receiver, content, "text"};
                      });
}

inline rc::Gen<RecordReceipt> any_receipt() {
  return rc::gen::map(
      rc::gen::pair(any_user(),
                    rc::gen::weightedElement<Status>(
                        {{5, Status::delivered}, {5, Status::read}, {1, Status::sent}, {1, Status::received_by_server}})),
      [](const std::pair<UserId, Status>& parts) {
        return RecordReceipt{the_message(), parts.second, parts.first};
      });
}

// Commands for one message.
using MessageCommand = std::variant<SendMessage, RecordReceipt>;

inline rc::Gen<MessageCommand> any_command() {
  return rc::gen::weightedOneOf<MessageCommand>(
      {{1, rc::gen::cast<MessageCommand>(any_send())}, {4, rc::gen::cast<MessageCommand>(any_receipt())}});
}

inline rc::Gen<std::vector<MessageCommand>> any_commands() {
  return rc::gen::container<std::vector<MessageCommand>>(any_command());
}

// Decides, applies what was decided, and keeps it in `log`.
inline Decision act(Message& message, const MessageCommand& command, Events* log = nullptr) {
  Decision decision = std::visit([&](const auto& one) { return decide(message, one); }, command);
  if (const auto* events = std::get_if<Events>(&decision)) {
    for (const Event& event : *events) {
      message = domain::apply(std::move(message), event).value();
      if (log != nullptr) log->push_back(event);
    }
  }
  return decision;
}

}  // namespace hermes::domain::testing
