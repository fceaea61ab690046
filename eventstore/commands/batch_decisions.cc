#include "eventstore/commands/batch_decisions.h"

#include <utility>

#include "domain/message.h"
#include "domain/typing.h"
#include "eventstore/schema/payload.h"

namespace hermes::eventstore {
namespace {

using domain::RecordReceipt;
using domain::Rejection;
using domain::RejectionReason;
using domain::SendMessage;
using domain::SetTyping;
using Outcome = Handled::Outcome;

constexpr std::string_view kServer = "server";

std::string_view actor_of(const domain::Event& event) {
  struct {
    std::string_view operator()(const domain::MessageSent& sent) const { return sent.sender.str(); }
    std::string_view operator()(const domain::MessageReceived&) const { return kServer; }
    std::string_view operator()(const domain::MessageDelivered& delivered) const { return delivered.recipient.str(); }
    std::string_view operator()(const domain::MessageRead& read) const { return read.recipient.str(); }
    std::string_view operator()(const domain::TypingStarted& started) const { return started.sender.str(); }
    std::string_view operator()(const domain::TypingStopped& stopped) const { return stopped.sender.str(); }
  } visitor;
  return std::visit(visitor, event);
}

const domain::Message& message_of(const BatchStream& stream) { return std::get<domain::Message>(stream.state.aggregate); }

MessageToReject to_reject(const Incoming& incoming, const Rejection& rejection) {
  MessageToReject message{.topic = incoming.raw.topic,
                          .payload = incoming.raw.payload,
                          .received_at = incoming.raw.received_at,
                          .sequence = static_cast<std::int64_t>(incoming.sequence),
                          .rejection = rejection,
                          .message_id = rejection.message_id,
                          .actor_id = rejection.actor_id};
  const auto* command = std::get_if<domain::Command>(&incoming.content);
  if (!command) return message;
  if (const auto* send = std::get_if<SendMessage>(command)) {
    message.message_id = send->message_id.str();
    message.actor_id = send->sender.str();
  } else if (const auto* receipt = std::get_if<RecordReceipt>(command)) {
    message.message_id = receipt->message_id.str();
    message.actor_id = receipt->user.str();
  } else {
    message.actor_id = std::get<SetTyping>(*command).sender.str();
  }
  return message;
}

MessageToReject to_reject(const ParkedReceipt& parked, Rejection&& rejection) {
  return {.topic = parked.topic,
          .payload = parked.payload,
          .received_at = parked.received_at,
          .sequence = parked.sequence,
          .rejection = std::move(rejection),
          .message_id = parked.receipt.message_id.str(),
          .actor_id = parked.receipt.user.str()};
}

ReceiptToPark to_park(const Incoming& incoming, const BatchStream& stream) {
  return {.partition = stream.partition,
          .key = stream.key,
          .receipt = &std::get<RecordReceipt>(std::get<domain::Command>(incoming.content)),
          .occurred_at = incoming.occurred_at,
          .received_at = incoming.raw.received_at,
          .topic = incoming.raw.topic,
          .payload = incoming.raw.payload,
          .sequence = static_cast<std::int64_t>(incoming.sequence)};
}

MessageToPostpone to_postpone(const Incoming& incoming, const BatchStream& stream) {
  return {.partition = stream.partition,
          .key = stream.key,
          .stream_id = stream.id,
          .received_at = incoming.raw.received_at,
          .topic = incoming.raw.topic,
          .payload = incoming.raw.payload,
          .sequence = static_cast<std::int64_t>(incoming.sequence),
          .reason = stream.unreadable};
}

// The times that a message gives to the rows made from it.
struct Times {
  std::optional<Timestamp> occurred_at;  // the client's claim
  Timestamp received_at;
};

Times times_of(const Incoming& incoming) { return {incoming.occurred_at, incoming.raw.received_at}; }

class Deciding {
 public:
  Deciding(std::span<const Incoming> batch, bool kept_already, BatchStreams& streams, AppendTransaction& transaction)
      : batch_(batch), kept_already_(kept_already), streams_(streams), transaction_(transaction) {
    decisions_.handled.assign(batch.size(), Handled{Outcome::rejected, std::nullopt, std::nullopt});
  }

  BatchDecisions run() && {
    for (std::size_t index = 0; index < batch_.size(); ++index) {
      if (const auto* rejection = std::get_if<Rejection>(&batch_[index].content)) {
        settle(index, {Outcome::rejected, std::nullopt, *rejection});
        continue;
      }
      if (BatchStream& stream = streams_.of(index); !stream.unreadable.empty()) {
        decisions_.to_postpone.push_back(to_postpone(batch_[index], stream));
        settle(index, {Outcome::postponed, std::nullopt, std::nullopt, stream.unreadable});
        continue;
      }
      std::visit([&](const auto& command) { decide(command, index); }, std::get<domain::Command>(batch_[index].content));
    }
    for (const BatchStream& stream : streams_.all()) {
      for (const std::size_t index : stream.waiting) decisions_.to_park.push_back(to_park(batch_[index], stream));
    }
    return std::move(decisions_);
  }

 private:
  void decide(const SendMessage& command, std::size_t index) {
    BatchStream& stream = streams_.of(index);
    settle(index, take_decision(domain::decide(message_of(stream), command), stream, times_of(batch_[index])));
    if (decisions_.handled[index].outcome == Outcome::appended) apply_what_waited(stream);
  }

  void decide(const RecordReceipt& command, std::size_t index) {
    BatchStream& stream = streams_.of(index);
    domain::Decision decision = domain::decide(message_of(stream), command);
    const auto* rejection = std::get_if<Rejection>(&decision);
    if (rejection && rejection->reason == RejectionReason::illegal_transition && !message_of(stream).exists()) {
      if (stream.parked_count + stream.waiting.size() >= kParkedPerMessageMax) {
        settle(index, {Outcome::rejected, std::nullopt,
                       Rejection{RejectionReason::parked_too_many,
                                 std::to_string(kParkedPerMessageMax) + " receipts wait already for this message"}});
        return;
      }
      stream.waiting.push_back(index);
      settle(index, {Outcome::parked, std::nullopt, std::nullopt});
      return;
    }
    settle(index, take_decision(std::move(decision), stream, times_of(batch_[index])));
  }

  void decide(const SetTyping& command, std::size_t index) {
    BatchStream& stream = streams_.of(index);
    settle(index, take_decision(domain::decide(std::get<domain::Typing>(stream.state.aggregate), command, recorded_at(stream)),
                                stream, times_of(batch_[index])));
  }

  // The time at which new events of the stream are recorded.
  Timestamp recorded_at(const BatchStream& stream) const { return transaction_.head(stream.partition).recorded_at; }

  void settle(std::size_t index, Handled&& handled) {
    if (handled.outcome == Outcome::rejected && !kept_already_) {
      decisions_.rejected.push_back(to_reject(batch_[index], *handled.rejection));
    }
    decisions_.handled[index] = std::move(handled);
  }

  // The message is there now: applies the receipts that waited for it, in the order in which they came.
  void apply_what_waited(BatchStream& stream) {
    for (const ParkedReceipt& parked : stream.parked) {
      Handled outcome =
          take_decision(domain::decide(message_of(stream), parked.receipt), stream, {parked.occurred_at, parked.received_at});
      decisions_.unparked.push_back(parked.id);
      if (outcome.outcome != Outcome::rejected) continue;
      decisions_.rejected.push_back(to_reject(parked, std::move(*outcome.rejection)));
    }
    for (const std::size_t index : std::exchange(stream.waiting, {})) {
      decide(std::get<RecordReceipt>(std::get<domain::Command>(batch_[index].content)), index);
    }
  }

  Handled take_decision(domain::Decision&& decision, BatchStream& stream, const Times& times) {
    if (std::holds_alternative<domain::Duplicate>(decision)) return {Outcome::duplicate, std::nullopt, std::nullopt};
    if (auto* rejection = std::get_if<Rejection>(&decision)) return {Outcome::rejected, std::nullopt, std::move(*rejection)};
    Handled handled{Outcome::appended, std::nullopt, std::nullopt};
    for (const domain::Event& event : std::get<domain::Events>(decision)) {
      const Position position = add(event, stream, times);
      if (!handled.position) handled.position = position;
      apply_event(stream.state.aggregate, event, recorded_at(stream));
    }
    return handled;
  }

  Position add(const domain::Event& event, BatchStream& stream, const Times& times) {
    payload_.clear();
    encode_payload(event, payload_);
    // The server's own event has no client time.
    const bool by_server = std::holds_alternative<domain::MessageReceived>(event);
    return transaction_.add(stream.partition, {.key = stream.key,
                                               .stream_id = stream.id,
                                               .version = stream.state.next_version++,
                                               .event_type = domain::event_type(event),
                                               .schema_version = schema_version(event),
                                               .actor_id = actor_of(event),
                                               .occurred_at = by_server ? std::nullopt : times.occurred_at,
                                               .payload = payload_,
                                               .received_at = times.received_at});
  }

  const std::span<const Incoming> batch_;
  const bool kept_already_;
  BatchStreams& streams_;
  AppendTransaction& transaction_;
  BatchDecisions decisions_;
  std::string payload_;  // kept for its memory
};

}  // namespace

BatchDecisions decide(std::span<const Incoming> batch, bool kept_already, BatchStreams& streams,
                      AppendTransaction& transaction) {
  return Deciding(batch, kept_already, streams, transaction).run();
}

}  // namespace hermes::eventstore
