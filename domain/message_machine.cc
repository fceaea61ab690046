#include "domain/message_machine.h"

#include <boost/msm/back/state_machine.hpp>
#include <boost/msm/front/functor_row.hpp>
#include <boost/msm/front/state_machine_def.hpp>
#include <memory>
#include <new>
#include <optional>
#include <type_traits>

#include "domain/machine_table.h"
#include "domain/msm_table.h"

namespace hermes::domain {
namespace {

namespace front = boost::msm::front;
using front::none;

constexpr std::uint8_t bit(MessageTrigger trigger) { return static_cast<std::uint8_t>(1U << static_cast<unsigned>(trigger)); }

template <MessageTrigger trigger>
struct EventOf {
  static constexpr MessageTrigger kTrigger = trigger;
};

namespace event {
// clang-format off
struct Sent      : EventOf<MessageTrigger::sent>      { static constexpr std::string_view kName = "Sent"; };
struct Received  : EventOf<MessageTrigger::received>  { static constexpr std::string_view kName = "Received"; };
struct Delivered : EventOf<MessageTrigger::delivered> { static constexpr std::string_view kName = "Delivered"; };
struct Read      : EventOf<MessageTrigger::read>      { static constexpr std::string_view kName = "Read"; };
// clang-format on
}  // namespace event

// The event becomes part of the message's history. An event that was seen is a duplicate from then on.
struct Record {
  template <class Event, class Machine, class From, class To>
  void operator()(const Event&, Machine& machine, From&, To&) const {
    machine.seen |= bit(Event::kTrigger);
  }
};

struct Seen {
  static constexpr std::string_view kNote = "seen before";
  template <class Event, class Machine, class From, class To>
  bool operator()(const Event&, Machine& machine, From&, To&) const {
    return (machine.seen & bit(Event::kTrigger)) != 0;
  }
};

struct NotSeen {
  static constexpr std::string_view kNote = "not seen before";
  template <class Event, class Machine, class From, class To>
  bool operator()(const Event&, Machine& machine, From&, To&) const {
    return (machine.seen & bit(Event::kTrigger)) == 0;
  }
};

// Nothing is queued and nothing throws: an event is decided at once or refused.
struct Specification : front::state_machine_def<Specification> {
  using no_message_queue = int;
  using no_exception_thrown = int;

  // clang-format off
  struct New       : front::state<> { static constexpr std::string_view kName = "New"; };
  struct Sent      : front::state<> { static constexpr std::string_view kName = "Sent"; };
  struct Received  : front::state<> { static constexpr std::string_view kName = "Received"; };
  struct Delivered : front::state<> { static constexpr std::string_view kName = "Delivered"; };
  struct Read      : front::state<> { static constexpr std::string_view kName = "Read"; };
  // clang-format on
  using initial_state = New;

  // A row that records is a step of the message. A row that records nothing is a duplicate: the same event again. An event
  // without a row is illegal.
  template <class... Arguments>
  using Row = front::Row<Arguments...>;
  // clang-format off
  struct transition_table : boost::mpl::vector<
      //   state      event             next       action  only if
      Row< New,       event::Sent,      Sent,      Record, none    >,
      Row< Sent,      event::Received,  Received,  Record, none    >,  // the server stored it
      Row< Sent,      event::Delivered, Delivered, Record, none    >,
      Row< Received,  event::Delivered, Delivered, Record, none    >,
      Row< Received,  event::Read,      Read,      Record, none    >,  // a read without a delivery is legal
      Row< Delivered, event::Read,      Read,      Record, none    >,
      Row< Read,      event::Delivered, Read,      Record, NotSeen >,  // a late receipt: recorded once, the state stays
      Row< Sent,      event::Sent,      none,      none,   none    >,
      Row< Received,  event::Sent,      none,      none,   none    >,
      Row< Received,  event::Received,  none,      none,   none    >,
      Row< Delivered, event::Sent,      none,      none,   none    >,
      Row< Delivered, event::Received,  none,      none,   Seen    >,  // not seen: it went from Sent to Delivered
      Row< Delivered, event::Delivered, none,      none,   none    >,
      Row< Read,      event::Sent,      none,      none,   none    >,
      Row< Read,      event::Received,  none,      none,   Seen    >,
      Row< Read,      event::Delivered, none,      none,   Seen    >,
      Row< Read,      event::Read,      none,      none,   none    >
  > {};
  // clang-format on

  // MSM's default asserts; here an event without a row is an answer, not a bug.
  template <class Machine, class Event>
  void no_transition(const Event&, Machine&, int) {}

  std::uint8_t seen = 0;  // a bit for each MessageTrigger
};

using BackEnd = boost::msm::back::state_machine<Specification>;

// MSM numbers the states in the order in which the table's first column names them; MessageState has the same order.
template <class State>
constexpr int state_id() {
  return boost::msm::back::get_state_id<boost::msm::back::recursive_get_transition_table<BackEnd>::type, State>::value;
}

}  // namespace

struct MessageMachine::Impl : BackEnd {};

std::string_view to_string(MessageState state) {
  switch (state) {
    case MessageState::new_: return Specification::New::kName;
    case MessageState::sent: return Specification::Sent::kName;
    case MessageState::received: return Specification::Received::kName;
    case MessageState::delivered: return Specification::Delivered::kName;
    case MessageState::read: return Specification::Read::kName;
  }
  return "unknown";
}

std::string_view to_string(MessageTrigger trigger) {
  switch (trigger) {
    case MessageTrigger::sent: return event::Sent::kName;
    case MessageTrigger::received: return event::Received::kName;
    case MessageTrigger::delivered: return event::Delivered::kName;
    case MessageTrigger::read: return event::Read::kName;
  }
  return "unknown";
}

MessageMachine::Impl& MessageMachine::impl() { return *std::launder(reinterpret_cast<Impl*>(storage_.data())); }
const MessageMachine::Impl& MessageMachine::impl() const {
  return *std::launder(reinterpret_cast<const Impl*>(storage_.data()));
}

MessageMachine::MessageMachine() {
  static_assert(sizeof(Impl) <= kSize, "the MSM back-end outgrew the room that the header keeps for it");
  static_assert(alignof(Impl) <= alignof(MessageMachine));
  new (storage_.data()) Impl;
  impl().start();
}

MessageMachine::MessageMachine(const MessageMachine& other) { new (storage_.data()) Impl(other.impl()); }

MessageMachine& MessageMachine::operator=(const MessageMachine& other) {
  impl() = other.impl();
  return *this;
}

MessageMachine::~MessageMachine() { std::destroy_at(&impl()); }

MessageMachine::Verdict MessageMachine::process(MessageTrigger trigger) {
  Impl& machine = impl();
  const std::uint8_t seen_before = machine.seen;
  const auto process_event = [&](const auto& event) { return machine.process_event(event); };
  boost::msm::back::HandledEnum handled = boost::msm::back::HANDLED_FALSE;
  switch (trigger) {
    case MessageTrigger::sent: handled = process_event(event::Sent{}); break;
    case MessageTrigger::received: handled = process_event(event::Received{}); break;
    case MessageTrigger::delivered: handled = process_event(event::Delivered{}); break;
    case MessageTrigger::read: handled = process_event(event::Read{}); break;
  }
  if (handled != boost::msm::back::HANDLED_TRUE) return Verdict::illegal;
  return machine.seen == seen_before ? Verdict::duplicate : Verdict::legal;
}

MessageState MessageMachine::state() const {
  static_assert(state_id<Specification::New>() == static_cast<int>(MessageState::new_));
  static_assert(state_id<Specification::Sent>() == static_cast<int>(MessageState::sent));
  static_assert(state_id<Specification::Received>() == static_cast<int>(MessageState::received));
  static_assert(state_id<Specification::Delivered>() == static_cast<int>(MessageState::delivered));
  static_assert(state_id<Specification::Read>() == static_cast<int>(MessageState::read));
  return static_cast<MessageState>(impl().current_state()[0]);
}

// The byte: the triggers seen in the low four bits, the state above.
std::uint8_t MessageMachine::snapshot() const {
  return static_cast<std::uint8_t>(static_cast<unsigned>(state()) << 4 | impl().seen);
}

namespace {

// Every machine that any history leads to, by its snapshot byte. They are found by walking the table, so that only the table
// decides which states are possible.
class ReachableMachines {
 public:
  ReachableMachines() { walk(MessageMachine()); }
  const std::optional<MessageMachine>& at(std::uint8_t snapshot) const { return machines_[snapshot]; }

 private:
  void walk(const MessageMachine& machine) {
    std::optional<MessageMachine>& place = machines_[machine.snapshot()];
    if (place) return;
    place = machine;
    for (auto trigger : {MessageTrigger::sent, MessageTrigger::received, MessageTrigger::delivered, MessageTrigger::read}) {
      MessageMachine next = machine;
      next.process(trigger);
      walk(next);
    }
  }

  std::array<std::optional<MessageMachine>, 256> machines_;
};

const ReachableMachines& reachable_machines() {
  static const ReachableMachines machines;
  return machines;
}

}  // namespace

bool MessageMachine::restorable(std::uint8_t snapshot) { return reachable_machines().at(snapshot).has_value(); }

MessageMachine MessageMachine::restore(std::uint8_t snapshot) {
  return reachable_machines().at(snapshot).value_or(MessageMachine());
}

std::vector<TransitionRow> message_machine_table() { return read_msm_table<Specification::transition_table>(); }

}  // namespace hermes::domain
