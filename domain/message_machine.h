// The message machine: which transitions are legal. Its one transition table is in message_machine.cc and reads like a
// specification; `hermes machine` and docs/machine.md are printed from it. This machine is the only judge of legality.
//
// A plain value of a few bytes. Not thread-safe; copies are independent.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace hermes::domain {

enum class MessageState : std::uint8_t { new_, sent, received, delivered, read };
enum class MessageTrigger : std::uint8_t { sent, received, delivered, read };

std::string_view to_string(MessageState state);      // "New", "Sent", ...
std::string_view to_string(MessageTrigger trigger);  // "Sent", "Received", ...

class MessageMachine {
 public:
  enum class Verdict : std::uint8_t {
    legal,      // the transition was taken (a late delivery is one that stays in Read)
    duplicate,  // seen before: nothing changed, nothing is to be recorded
    illegal     // no such transition: nothing changed
  };

  MessageMachine();
  MessageMachine(const MessageMachine&);
  MessageMachine& operator=(const MessageMachine&);
  ~MessageMachine();

  Verdict process(MessageTrigger trigger);
  MessageState state() const;

  // One byte that holds the whole state of a machine, for snapshots and tests. `restore` returns a machine in state New for a
  // byte that no machine can have; check with `restorable`.
  std::uint8_t snapshot() const;
  static bool restorable(std::uint8_t snapshot);
  static MessageMachine restore(std::uint8_t snapshot);

 private:
  struct Impl;
  Impl& impl();
  const Impl& impl() const;
  static constexpr std::size_t kSize = 32;  // checked against the MSM back-end in the .cc file
  alignas(8) std::array<std::byte, kSize> storage_;
};

}  // namespace hermes::domain
