// The message aggregate: one message with the receipts of all its recipients.
//
// A direct message has one machine. A broadcast has a trunk (New, Sent, Received) and a branch for each recipient, copied from
// the trunk at that recipient's first receipt.
//
// `decide` and `apply` are pure: no I/O, no clock, no global state. Any thread may call them on its own values.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/result.h"
#include "domain/branches.h"
#include "domain/commands.h"
#include "domain/events.h"
#include "domain/message_machine.h"
#include "domain/rejection.h"

namespace hermes::domain {

// Already recorded: nothing is appended, and the sender gets the same answer as the first time.
struct Duplicate {
  bool operator==(const Duplicate&) const = default;
};

using Events = std::vector<Event>;
using Decision = std::variant<Events, Duplicate, Rejection>;

// The state of one message stream: the result of applying its events in order.
class Message {
 public:
  Message();

  bool exists() const;
  // Requires: exists().
  const UserId& sender() const;
  const UserId& receiver() const;

  // The state of the recipient's branch, or of the trunk if there is none. A direct message has one state for everybody.
  MessageState state_for(const UserId& recipient) const;
  std::size_t branch_count() const;

  // A versioned binary form of the whole state (cereal) and back. `restore` returns nothing for bytes that are not a snapshot
  // of this layout: hostile or torn bytes are safe. `binding` names what the snapshot belongs to, a stream and a version for
  // example. It is not stored; `restore` succeeds only with the same one.
  std::string snapshot(std::string_view binding = {}) const;
  static std::optional<Message> restore(std::string_view bytes, std::string_view binding = {});

  bool operator==(const Message&) const;

 private:
  // Identifies the content of a message: SHA-256 over sender, receiver, type and content, each with its length before it. Kept
  // instead of the content, which no other decision needs.
  using Digest = std::array<std::byte, 32>;
  static Digest digest_of(const UserId& sender, const UserId& receiver, std::string_view message_type,
                          std::string_view content);

  struct Identity {
    UserId sender;
    UserId receiver;
    Digest digest;
    bool operator==(const Identity&) const = default;
  };

  MessageMachine machine_for(const UserId& recipient) const;
  Rejection cannot_follow(MessageState state, std::string_view event) const;
  std::optional<Rejection> advance(const Event& event);

  std::optional<Identity> identity_;  // nothing: the message does not exist yet
  MessageMachine trunk_;              // of a direct message: its only machine
  Branches branches_;

  friend Decision decide(const Message& message, const SendMessage& command);
  friend Decision decide(const Message& message, const RecordReceipt& command);
  friend Result<Message, Rejection> apply(Message message, const Event& event);
};

// Returns the events to append. A new message gives MessageSent and MessageReceived: the transaction that stores a message also
// records the server's receipt. A receipt for a message that does not exist is `illegal_transition` in state New; ingest parks
// it instead of asking.
Decision decide(const Message& message, const SendMessage& command);
Decision decide(const Message& message, const RecordReceipt& command);

// The state after `event`. Fails with the rejection that `decide` would have given if the event cannot follow: a log that holds
// such a stream was tampered with or written by other rules (`hermes verify` reports it).
Result<Message, Rejection> apply(Message message, const Event& event);

}  // namespace hermes::domain
