// What a session tells whoever shows it, and the queue in which that waits until it is taken.
//
// Not thread-safe; the descriptor may be waited for on any thread.
#pragma once

#include <cstddef>
#include <string>
#include <variant>
#include <vector>

#include "adapters/chat/store/inbox.h"
#include "adapters/chat/store/outbox.h"
#include "base/wake_up.h"
#include "domain/commands.h"

namespace hermes::chat {

// A message for this user (or for everyone), for the first time.
struct MessageArrived {
  Incoming incoming;
};
// Somebody states where a message of this user is. Not checked: a receipt can be forged by whoever may publish.
struct ReceiptArrived {
  domain::MessageId message_id;
  domain::Status status;
  domain::UserId user;
};
struct TypingChanged {
  domain::UserId user;
  std::string name;
  bool is_typing;
};
struct ConnectionChanged {
  bool connected;
  std::string reason{};          // of a loss
  unsigned short_lived = 0;      // of a loss: as many connections in a row, with this one, ended soon after they were made
  bool session_was_kept = true;  // connected: the broker has what came meanwhile. False at a user's very first connection
};
// A message was sent again, for the server has not acknowledged it. It may be refused: the wire has no word for that.
struct NotAcknowledged {
  Outgoing outgoing;
  unsigned attempts;
};
// It is not sent any more: the server does not take it (set_aside.h).
struct GivenUp {
  Outgoing outgoing;
  std::string reason;
};
// What a `hermes send` left unsent is sent from here now, before later messages. Oldest first.
struct TakenOver {
  std::vector<Outgoing> messages;
};
// Another client with this user's id, on another machine or with another outbox, has the session at the broker now: nothing
// comes in here and nothing goes out any more. What is unsent stays in the outbox.
struct SessionTaken {};
// Something is wrong here, on this side: the disk, for example.
struct Trouble {
  std::string message;
};
using Notice = std::variant<MessageArrived, ReceiptArrived, TypingChanged, ConnectionChanged, NotAcknowledged, GivenUp,
                            TakenOver, SessionTaken, Trouble>;

class Notices {
 public:
  // Notices that may wait for the screen; past either limit the broker keeps the rest. A screen takes thousands at once, so the
  // limit is met only while the terminal is stopped (Ctrl-S, a pipe that nobody reads).
  static constexpr std::size_t kMax = 5'000;
  static constexpr std::size_t kMaxBytes = 16u << 20;  // of messages' texts

  // Takes it even when full: what has been taken from the broker is told.
  void tell(Notice notice);
  bool full() const { return notices_.size() > kMax || bytes_ > kMaxBytes; }

  int wake_descriptor() const { return wake_up_.descriptor(); }  // readable when there are notices
  std::vector<Notice> take();                                    // oldest first

 private:
  std::vector<Notice> notices_;
  std::size_t bytes_ = 0;
  WakeUp wake_up_;
};

}  // namespace hermes::chat
