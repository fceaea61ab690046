// Properties of the domain, on random histories.
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <random>
#include <set>

#include "base/sha256.h"
#include "base/timestamp.h"
#include "domain/message.h"
#include "domain/message_machine.h"
#include "domain/typing.h"
#include "tests/property/chat_model.h"
#include "tests/property/domain_generators.h"

namespace hermes::domain {
namespace {

using testing::act;
using testing::any_command;
using testing::any_commands;
using testing::any_send;
using testing::any_user;
using testing::ChatModel;
using testing::in_a_word;
using testing::MessageCommand;

Message replay(const Events& log) {
  Message message;
  for (const Event& event : log) message = domain::apply(std::move(message), event).value();
  return message;
}

// Shuffled by a seed that RapidCheck chose, so that a counterexample can be run again.
template <class T>
std::vector<T> shuffled(std::vector<T> values) {
  std::shuffle(values.begin(), values.end(), std::mt19937(*rc::gen::arbitrary<std::uint32_t>()));
  return values;
}

// The design's words again, on one machine: each event counts once; Sent comes first; Received can't follow a receipt; Read
// needs Received or Delivered before it.
RC_GTEST_PROP(MachineProperty, AgreesWithTheWordsOfTheDesign, ()) {
  using enum MessageTrigger;
  const auto triggers = *rc::gen::container<std::vector<MessageTrigger>>(rc::gen::element(sent, received, delivered, read));
  MessageMachine machine;
  std::set<MessageTrigger> past;
  for (const MessageTrigger trigger : triggers) {
    const bool possible = trigger == sent ||
                          (past.contains(sent) && (trigger == delivered ||
                                                   (trigger == received && !past.contains(delivered) && !past.contains(read)) ||
                                                   (trigger == read && (past.contains(received) || past.contains(delivered)))));
    const auto expected = past.contains(trigger) ? MessageMachine::Verdict::duplicate
                          : possible             ? MessageMachine::Verdict::legal
                                                 : MessageMachine::Verdict::illegal;
    RC_ASSERT(machine.process(trigger) == expected);
    if (expected == MessageMachine::Verdict::legal) past.insert(trigger);
    RC_ASSERT(MessageMachine::restore(machine.snapshot()).snapshot() == machine.snapshot());
  }
}

RC_GTEST_PROP(MessageProperty, EveryDecisionAgreesWithTheModel, ()) {
  Message message;
  ChatModel model;
  for (const MessageCommand& command : *any_commands()) {
    const std::string expected = std::visit([&](const auto& one) { return model.answer(one); }, command);
    RC_ASSERT(in_a_word(act(message, command)) == expected);
  }
  for (const auto* name : {"fredy", "david", "erin", "zoë"}) {
    if (!message.exists() || (message.receiver().str() != "all" && message.receiver().str() != name)) continue;
    const MessageState expected = model.has(name, Status::read)        ? MessageState::read
                                  : model.has(name, Status::delivered) ? MessageState::delivered
                                                                       : MessageState::received;
    RC_ASSERT(message.state_for(testing::user(name)) == expected);
  }
}

RC_GTEST_PROP(MessageProperty, ReplayEqualsTheLiveState, ()) {
  Message live;
  Events log;
  for (const MessageCommand& command : *any_commands()) act(live, command, &log);
  RC_ASSERT(replay(log) == live);
}

RC_GTEST_PROP(MessageProperty, WhatWasRecordedOnceIsADuplicateForEver, ()) {
  Message message;
  std::vector<MessageCommand> taken;
  for (const MessageCommand& command : *any_commands()) {
    if (std::holds_alternative<Events>(act(message, command))) taken.push_back(command);
    const Message before = message;
    for (const MessageCommand& earlier : taken) {
      RC_ASSERT(in_a_word(act(message, earlier)) == "duplicate");
      RC_ASSERT(message == before);
    }
  }
}

RC_GTEST_PROP(MessageProperty, DuplicatesAnywhereChangeNothing, ()) {
  Message without;
  std::vector<MessageCommand> taken;
  for (const MessageCommand& command : *any_commands()) {
    if (std::holds_alternative<Events>(act(without, command))) taken.push_back(command);
  }
  Message with;
  for (std::size_t i = 0; i < taken.size(); ++i) {
    act(with, taken[i]);
    const auto repeated = *rc::gen::container<std::vector<std::size_t>>(rc::gen::inRange<std::size_t>(0, i + 1));
    for (std::size_t earlier : repeated) act(with, taken[earlier]);
  }
  RC_ASSERT(with == without);
}

RC_GTEST_PROP(MessageProperty, AnyOrderOfReceiptsWithAnyRepetitionGivesTheSameState, ()) {
  const SendMessage send = *rc::gen::suchThat(any_send(), [](const SendMessage& one) { return one.sender.str() != "all"; });
  const auto receipts = *rc::gen::container<std::vector<RecordReceipt>>(testing::any_receipt());
  const auto run = [&](const std::vector<RecordReceipt>& order) {
    Message message;
    act(message, send);
    for (const RecordReceipt& receipt : order) act(message, receipt);
    return message;
  };
  std::vector<RecordReceipt> twice = receipts;
  twice.insert(twice.end(), receipts.begin(), receipts.end());
  RC_ASSERT(run(shuffled(twice)) == run(receipts));
}

RC_GTEST_PROP(MessageProperty, EventsInRandomOrderAreTakenExactlyIfDecideWouldTakeThem, ()) {
  const UserId sender = *any_user();
  const UserId receiver = *any_user();
  Events events = {MessageSent{sender, "name", receiver, "Hello", "text"}, MessageReceived{}};
  for (const UserId& recipient : *rc::gen::container<std::vector<UserId>>(any_user())) {
    events.push_back(MessageDelivered{recipient});
    events.push_back(MessageRead{recipient});
  }
  Message message;
  for (const Event& event : shuffled(events)) {
    const Message before = message;
    const auto applied = domain::apply(message, event);
    RC_ASSERT(message == before);  // a value went in, the caller's own is untouched
    const auto receipt = [&](const UserId& by, Status status) {
      return in_a_word(decide(message, RecordReceipt{testing::the_message(), status, by}));
    };
    if (const auto* delivered = std::get_if<MessageDelivered>(&event)) {
      RC_ASSERT(applied.ok() == (receipt(delivered->recipient, Status::delivered) == "1 events"));
    } else if (const auto* read = std::get_if<MessageRead>(&event)) {
      RC_ASSERT(applied.ok() == (receipt(read->recipient, Status::read) == "1 events"));
    }
    if (applied) message = *applied;
  }
}

RC_GTEST_PROP(SnapshotProperty, TheRestoredStateIsTheStateAndDecidesAsItDoes, ()) {
  Message message;
  for (const MessageCommand& command : *any_commands()) act(message, command);
  auto restored = Message::restore(message.snapshot());
  RC_ASSERT(restored.has_value());
  RC_ASSERT(*restored == message);
  for (const MessageCommand& command : *any_commands()) RC_ASSERT(act(*restored, command) == act(message, command));
  RC_ASSERT(*restored == message);
}

RC_GTEST_PROP(SnapshotProperty, FlippedBytesAreRecognized, ()) {
  Message message;
  for (const MessageCommand& command : *any_commands()) act(message, command);
  std::string bytes = message.snapshot();
  const auto at = *rc::gen::inRange<std::size_t>(0, bytes.size());
  bytes[at] = static_cast<char>(bytes[at] ^ *rc::gen::inRange(1, 256));
  RC_ASSERT(!Message::restore(bytes).has_value());
}

// Bytes that pass the checksum and are still none of ours: what restores is a state like any other, the rest is refused.
RC_GTEST_PROP(SnapshotProperty, HostileBytesWithARightChecksumAreSafe, ()) {
  Message message;
  for (const MessageCommand& command : *any_commands()) act(message, command);
  std::string body = message.snapshot();
  body.resize(body.size() - 16);
  for (const auto& [at, value] : *rc::gen::container<std::vector<std::pair<std::size_t, char>>>(
           rc::gen::pair(rc::gen::inRange<std::size_t>(0, body.size()), rc::gen::arbitrary<char>()))) {
    body[at] = value;
  }
  body.resize(*rc::gen::inRange<std::size_t>(0, body.size() + 1));
  Sha256 sha;
  sha.update_delimited("");  // no binding
  sha.update(body);
  const auto digest = sha.finish();
  const auto restored = Message::restore(body + std::string(reinterpret_cast<const char*>(digest.data()), 16));
  if (restored) RC_ASSERT(Message::restore(restored->snapshot()) == restored);
}

RC_GTEST_PROP(TypingProperty, IsWhatWasSaidLast, ()) {
  Typing typing;
  bool is_typing = false;
  std::optional<Timestamp> last_recorded;  // start
  Timestamp at{std::chrono::seconds(1'700'000'000)};
  const auto steps = *rc::gen::container<std::vector<std::pair<bool, int>>>(
      rc::gen::pair(rc::gen::arbitrary<bool>(), rc::gen::inRange(-3, 15)));
  for (const auto& [says, seconds_later] : steps) {
    at += std::chrono::seconds(seconds_later);
    const Decision decision = decide(typing, SetTyping{testing::user("fredy"), "Fredy", testing::user("david"), says}, at);
    const bool still_types = says && is_typing && at - *last_recorded >= kTypingRefresh;
    RC_ASSERT(in_a_word(decision) == (says == is_typing && !still_types ? "duplicate" : "1 events"));
    if (const auto* events = std::get_if<Events>(&decision)) {
      typing = domain::apply(typing, events->front(), at).value();
      if (says) last_recorded = at;
    }
    is_typing = says;
    RC_ASSERT((typing.state == TypingState::typing) == is_typing);
  }
}

RC_GTEST_PROP(TimestampProperty, WhatIsPrintedIsReadBack, ()) {
  const Timestamp time(std::chrono::microseconds(*rc::gen::inRange<std::int64_t>(0, 253'402'300'800'000'000)));
  RC_ASSERT(parse_timestamp(rfc3339(time)) == time);
}

RC_GTEST_PROP(TimestampProperty, AnyTextIsSafe, (const std::string& text)) {
  const auto time = parse_timestamp(text);
  if (time) RC_ASSERT(parse_timestamp(rfc3339(*time)) == time);
}

}  // namespace
}  // namespace hermes::domain
