#include "domain/message_machine.h"

#include <gtest/gtest.h>

#include <initializer_list>
#include <set>

namespace hermes::domain {
namespace {

using enum MessageTrigger;
using Verdict = MessageMachine::Verdict;

MessageMachine after(std::initializer_list<MessageTrigger> triggers) {
  MessageMachine machine;
  for (auto trigger : triggers) EXPECT_EQ(machine.process(trigger), Verdict::legal) << to_string(trigger);
  return machine;
}

TEST(MessageMachine, BeginsNew) { EXPECT_EQ(MessageMachine().state(), MessageState::new_); }

TEST(MessageMachine, TakesTheUsualWay) {
  EXPECT_EQ(after({sent}).state(), MessageState::sent);
  EXPECT_EQ(after({sent, received}).state(), MessageState::received);
  EXPECT_EQ(after({sent, received, delivered}).state(), MessageState::delivered);
  EXPECT_EQ(after({sent, received, delivered, read}).state(), MessageState::read);
}

TEST(MessageMachine, ReadBeforeDeliveredIsLegal) { EXPECT_EQ(after({sent, received, read}).state(), MessageState::read); }

TEST(MessageMachine, DeliveredBeforeReceivedIsLegal) { EXPECT_EQ(after({sent, delivered}).state(), MessageState::delivered); }

TEST(MessageMachine, LateDeliveredIsRecordedOnceAndStaysRead) {
  MessageMachine machine = after({sent, received, read, delivered});
  EXPECT_EQ(machine.state(), MessageState::read);
  EXPECT_EQ(machine.process(delivered), Verdict::duplicate);
  EXPECT_EQ(machine.state(), MessageState::read);
}

TEST(MessageMachine, TheSameEventAgainIsADuplicateInEveryLaterState) {
  const std::initializer_list<MessageTrigger> way = {sent, received, delivered, read};
  MessageMachine machine;
  for (auto next = way.begin(); next != way.end(); ++next) {
    machine.process(*next);
    for (auto earlier = way.begin(); earlier <= next; ++earlier) {
      const auto before = machine.snapshot();
      EXPECT_EQ(machine.process(*earlier), Verdict::duplicate);
      EXPECT_EQ(machine.snapshot(), before);
    }
  }
}

TEST(MessageMachine, WhatHasNoRowIsIllegalAndChangesNothing) {
  const auto refuses = [](MessageMachine machine, MessageTrigger trigger) {
    const auto before = machine.snapshot();
    return machine.process(trigger) == Verdict::illegal && machine.snapshot() == before;
  };
  EXPECT_TRUE(refuses(after({}), received));
  EXPECT_TRUE(refuses(after({}), delivered));
  EXPECT_TRUE(refuses(after({}), read));
  EXPECT_TRUE(refuses(after({sent}), read));
  EXPECT_TRUE(refuses(after({sent, delivered}), received));
  EXPECT_TRUE(refuses(after({sent, delivered, read}), received));
}

TEST(MessageMachine, ACopyGoesItsOwnWay) {
  const MessageMachine trunk = after({sent, received});
  MessageMachine branch = trunk;
  branch.process(read);
  EXPECT_EQ(branch.state(), MessageState::read);
  EXPECT_EQ(trunk.state(), MessageState::received);
  branch = trunk;
  EXPECT_EQ(branch.state(), MessageState::received);
}

TEST(MessageMachine, ItsSnapshotByteHoldsAllThereIsToKnow) {
  for (auto machine : {after({}), after({sent}), after({sent, received, read}), after({sent, received, read, delivered})}) {
    ASSERT_TRUE(MessageMachine::restorable(machine.snapshot()));
    MessageMachine restored = MessageMachine::restore(machine.snapshot());
    EXPECT_EQ(restored.state(), machine.state());
    EXPECT_EQ(restored.process(delivered), machine.process(delivered));
    EXPECT_EQ(restored.snapshot(), machine.snapshot());
  }
}

TEST(MessageMachine, OnlyBytesOfReachableMachinesAreRestorable) {
  std::set<int> restorable;
  for (int byte = 0; byte < 256; ++byte) {
    if (!MessageMachine::restorable(static_cast<std::uint8_t>(byte))) continue;
    restorable.insert(byte);
    EXPECT_EQ(MessageMachine::restore(static_cast<std::uint8_t>(byte)).snapshot(), byte);
  }
  // New, Sent, Received, Delivered with and without Received, Read: after R, after R+D, after D without R.
  EXPECT_EQ(restorable.size(), 8U);
  EXPECT_EQ(MessageMachine::restore(0xFF).state(), MessageState::new_);
}

}  // namespace
}  // namespace hermes::domain
