// The typing indicator's machine, and decide and apply on top of it.
#include "domain/typing.h"

#include <boost/msm/back/state_machine.hpp>
#include <boost/msm/front/functor_row.hpp>
#include <boost/msm/front/state_machine_def.hpp>
#include <utility>

#include "domain/machine_table.h"
#include "domain/msm_table.h"

namespace hermes::domain {
namespace {

namespace front = boost::msm::front;
using front::none;

namespace event {
// clang-format off
struct Started { static constexpr std::string_view kName = "Started"; bool is_refresh; };
struct Stopped { static constexpr std::string_view kName = "Stopped"; };
// clang-format on
}  // namespace event

struct Record {
  template <class Event, class Machine, class From, class To>
  void operator()(const Event&, Machine& machine, From&, To&) const {
    machine.recorded = true;
  }
};

// kTypingRefresh, in words.
struct IsRefresh {
  static constexpr std::string_view kNote = "10 s or more after the last";
  template <class Event, class Machine, class From, class To>
  bool operator()(const Event& started, Machine&, From&, To&) const {
    return started.is_refresh;
  }
};

struct IsRepetition {
  static constexpr std::string_view kNote = "less than 10 s after the last";
  template <class Event, class Machine, class From, class To>
  bool operator()(const Event& started, Machine&, From&, To&) const {
    return !started.is_refresh;
  }
};

struct Specification : front::state_machine_def<Specification> {
  using no_message_queue = int;
  using no_exception_thrown = int;

  // clang-format off
  struct Idle   : front::state<> { static constexpr std::string_view kName = "Idle"; };
  struct Typing : front::state<> { static constexpr std::string_view kName = "Typing"; };
  // clang-format on
  using initial_state = Idle;

  template <class... Arguments>
  using Row = front::Row<Arguments...>;
  // clang-format off
  struct transition_table : boost::mpl::vector<
      //   state   event           next    action  only if
      Row< Idle,   event::Started, Typing, Record, none         >,
      Row< Typing, event::Stopped, Idle,   Record, none         >,
      Row< Typing, event::Started, Typing, Record, IsRefresh    >,  // still typing: readers use the last start
      Row< Idle,   event::Stopped, none,   none,   none         >,  // a repeated stop is a duplicate
      Row< Typing, event::Started, none,   none,   IsRepetition >   // a repeated start is a duplicate, too
  > {};
  // clang-format on

  template <class Machine, class Event>
  void no_transition(const Event&, Machine&, int) {}

  bool recorded = false;
};

using Machine = boost::msm::back::state_machine<Specification>;

struct Step {
  TypingState next;
  bool recorded;
};

Step step(TypingState state, bool is_typing, bool is_refresh) {
  Machine machine;
  machine.start();
  if (state == TypingState::typing) machine.process_event(event::Started{false});
  machine.recorded = false;
  if (is_typing) {
    machine.process_event(event::Started{is_refresh});
  } else {
    machine.process_event(event::Stopped{});
  }
  // MSM numbers the states in the order of the table's first column.
  return {machine.current_state()[0] == 0 ? TypingState::idle : TypingState::typing, machine.recorded};
}

std::string_view name(TypingState state) {
  return state == TypingState::idle ? Specification::Idle::kName : Specification::Typing::kName;
}

}  // namespace

Decision decide(const Typing& typing, const SetTyping& command, Timestamp at) {
  if (is_broadcast(command.sender)) {
    return Rejection{RejectionReason::invalid_field, "sender_id is \"all\", which stands for everyone"};
  }
  const bool is_refresh = at >= typing.started_at + kTypingRefresh;
  if (!step(typing.state, command.is_typing, is_refresh).recorded) return Duplicate{};
  if (command.is_typing) return Events{TypingStarted{command.sender, command.sender_name, command.receiver}};
  return Events{TypingStopped{command.sender, command.receiver}};
}

Result<Typing, Rejection> apply(const Typing& typing, const Event& event, Timestamp at) {
  const bool started = std::holds_alternative<TypingStarted>(event);
  if (started || std::holds_alternative<TypingStopped>(event)) {
    // A start in the log counts as a refresh, whatever an older version's rule was.
    const Step taken = step(typing.state, started, true);
    if (taken.recorded) return Typing{taken.next, started ? at : typing.started_at};
  }
  return fail(Rejection{RejectionReason::illegal_transition, "the typing indicator is in state " +
                                                                 std::string(name(typing.state)) + ", in which " +
                                                                 std::string(event_type(event)) + " cannot follow"});
}

Result<Typing, Rejection> typing_after(const Event& event, Timestamp at) {
  // The event followed the state in which it is not a duplicate.
  return apply({std::holds_alternative<TypingStarted>(event) ? TypingState::idle : TypingState::typing, {}}, event, at);
}

std::vector<TransitionRow> typing_machine_table() { return read_msm_table<Specification::transition_table>(); }

}  // namespace hermes::domain
