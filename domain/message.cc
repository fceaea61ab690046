#include "domain/message.h"

#include <cassert>
#include <utility>

#include "base/sha256.h"

namespace hermes::domain {
namespace {

Rejection rejection(RejectionReason reason, std::string detail) { return {reason, std::move(detail)}; }

std::string quoted(std::string_view text) { return '"' + std::string(text) + '"'; }

std::optional<Rejection> check_sender(const UserId& sender) {
  if (!is_broadcast(sender)) return std::nullopt;
  return rejection(RejectionReason::invalid_field, "sender_id is \"all\", which stands for everyone");
}

// Whether `user` may send receipts for a message from `sender` to `receiver`.
std::optional<Rejection> check_recipient(const UserId& user, const UserId& sender, const UserId& receiver) {
  if (is_broadcast(user))
    return rejection(RejectionReason::not_a_recipient, "\"all\" stands for everyone and is not a recipient");
  if (is_broadcast(receiver)) {
    if (user != sender) return std::nullopt;
    return rejection(RejectionReason::own_broadcast_receipt,
                     quoted(user.str()) + " sent this broadcast and is not its recipient");
  }
  if (user == receiver) return std::nullopt;
  return rejection(RejectionReason::not_a_recipient,
                   quoted(user.str()) + " is not the recipient, the message is for " + quoted(receiver.str()));
}

}  // namespace

Message::Message() = default;

bool Message::exists() const { return identity_.has_value(); }

const UserId& Message::sender() const {
  assert(exists());
  return identity_->sender;
}

const UserId& Message::receiver() const {
  assert(exists());
  return identity_->receiver;
}

MessageState Message::state_for(const UserId& recipient) const { return machine_for(recipient).state(); }

std::size_t Message::branch_count() const { return branches_.size(); }

bool Message::operator==(const Message& other) const {
  return identity_ == other.identity_ && trunk_.snapshot() == other.trunk_.snapshot() && branches_ == other.branches_;
}

Message::Digest Message::digest_of(const UserId& sender, const UserId& receiver, std::string_view message_type,
                                   std::string_view content) {
  Sha256 sha;
  for (std::string_view part : {std::string_view(sender.str()), std::string_view(receiver.str()), message_type, content}) {
    sha.update_delimited(part);
  }
  return sha.finish();
}

MessageMachine Message::machine_for(const UserId& recipient) const { return branches_.find(recipient).value_or(trunk_); }

Rejection Message::cannot_follow(MessageState state, std::string_view event) const {
  return rejection(RejectionReason::illegal_transition, "the message is in state " + std::string(to_string(state)) +
                                                            ", in which " + std::string(event) + " cannot follow");
}

Decision decide(const Message& message, const SendMessage& command) {
  if (auto refused = check_sender(command.sender)) return *std::move(refused);
  if (message.exists()) {
    if (Message::digest_of(command.sender, command.receiver, command.message_type, command.content) ==
        message.identity_->digest) {
      return Duplicate{};
    }
    return rejection(RejectionReason::conflicting_message, "message_id " + quoted(command.message_id.str()) +
                                                               " is taken by a message of " + quoted(message.sender().str()) +
                                                               " with another sender, receiver, type or content");
  }
  Events events;
  events.reserve(2);
  // Spelled out, not emplaced: clang 14 (the fuzzers' compiler) can't make aggregates from parentheses.
  events.push_back(MessageSent{command.sender, command.sender_name, command.receiver, command.content, command.message_type});
  events.push_back(MessageReceived{});
  return events;
}

Decision decide(const Message& message, const RecordReceipt& command) {
  if (command.status != Status::delivered && command.status != Status::read) {
    return rejection(RejectionReason::server_only_status,
                     "status \"" + std::string(to_string(command.status)) + "\" is the server's to state");
  }
  const MessageTrigger trigger = command.status == Status::delivered ? MessageTrigger::delivered : MessageTrigger::read;
  if (message.exists()) {
    if (auto refused = check_recipient(command.user, message.sender(), message.receiver())) return *std::move(refused);
  }
  MessageMachine machine = message.machine_for(command.user);
  switch (machine.process(trigger)) {
    case MessageMachine::Verdict::duplicate: return Duplicate{};
    case MessageMachine::Verdict::illegal: return message.cannot_follow(machine.state(), to_string(trigger));
    case MessageMachine::Verdict::legal: break;
  }
  Events events;
  if (trigger == MessageTrigger::delivered) {
    events.push_back(MessageDelivered{command.user});
  } else {
    events.push_back(MessageRead{command.user});
  }
  return events;
}

std::optional<Rejection> Message::advance(const Event& event) {
  using Verdict = MessageMachine::Verdict;

  // A duplicate does not belong in a log either.
  const auto step = [this](MessageMachine& machine, MessageTrigger trigger) -> std::optional<Rejection> {
    if (machine.process(trigger) == Verdict::legal) return std::nullopt;
    return cannot_follow(machine.state(), to_string(trigger));
  };

  const auto receipt = [&](const UserId& recipient, MessageTrigger trigger) -> std::optional<Rejection> {
    if (!exists()) return step(trunk_, trigger);
    if (auto refused = check_recipient(recipient, sender(), receiver())) return refused;
    if (!is_broadcast(receiver())) return step(trunk_, trigger);
    MessageMachine branch = machine_for(recipient);
    auto refused = step(branch, trigger);
    if (!refused) branches_.put(recipient, branch);
    return refused;
  };

  if (const auto* sent = std::get_if<MessageSent>(&event)) {
    if (auto refused = check_sender(sent->sender)) return refused;
    if (auto refused = step(trunk_, MessageTrigger::sent)) return refused;
    identity_.emplace(
        Identity{sent->sender, sent->receiver, digest_of(sent->sender, sent->receiver, sent->message_type, sent->content)});
    return std::nullopt;
  }
  if (std::holds_alternative<MessageReceived>(event)) return step(trunk_, MessageTrigger::received);
  if (const auto* delivered = std::get_if<MessageDelivered>(&event)) {
    return receipt(delivered->recipient, MessageTrigger::delivered);
  }
  if (const auto* read = std::get_if<MessageRead>(&event)) return receipt(read->recipient, MessageTrigger::read);
  return cannot_follow(trunk_.state(), event_type(event));
}

Result<Message, Rejection> apply(Message message, const Event& event) {
  if (auto refused = message.advance(event)) return fail(*std::move(refused));
  return message;
}

}  // namespace hermes::domain
