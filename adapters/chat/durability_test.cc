// What the outbox forces to the disk before it says that something is kept, and what it does when the disk does not take it.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "adapters/chat/outbox.h"
#include "tests/servers/temporary_folder.h"
#include "tests/support/faults/failing_calls.h"

namespace hermes::chat {
namespace {

using test_support::FailingCalls;
using test_support::Fate;
using testing::Contains;
using testing::ElementsAre;
using testing::IsEmpty;

Outgoing message(const std::string& id, const std::string& content = "hello") {
  return {.message = {.message_id = *domain::MessageId::parse(id),
                      .sender = *domain::UserId::parse("fredy"),
                      .sender_name = "Fredy",
                      .receiver = *domain::UserId::parse("david"),
                      .content = content,
                      .message_type = "text"},
          .time = Timestamp()};
}

class OutboxDurability : public testing::Test {
 protected:
  // Which files and folders are forced while `work` runs, in order. Of those named `failing` each fails.
  template <typename Work>
  static std::vector<std::string> forced(const Work& work, const std::string& failing = "") {
    std::vector<std::string> calls;
    const FailingCalls recording({.fate =
                                      [&](const FailingCalls::Call& call) {
                                        const std::string name = call.name;
                                        if (name == "fsync" || name == "fdatasync") calls.push_back(call.file);
                                        return !failing.empty() && name != "open" && call.file == failing ? Fate::fails
                                                                                                          : Fate::succeeds;
                                      },
                                  .wants_files = true});
    work();
    return calls;
  }
  std::vector<std::string> kept() const {
    std::vector<std::string> ids;
    for (const Outgoing& outgoing : Outbox::peek(folder_.path())) ids.push_back(outgoing.message.message_id.str());
    return ids;
  }

  private_servers::TemporaryFolder folder_;
  std::unique_ptr<Outbox> outbox_ = *Outbox::open(folder_.path());
};

TEST_F(OutboxDurability, AMessageIsOnTheDiskWhenItIsTaken) {
  EXPECT_THAT(forced([&] { ASSERT_TRUE(outbox_->add(message("m-1")).ok()); }), ElementsAre("outbox.log"));
}

TEST_F(OutboxDurability, AMessageThatTheDiskDoesNotTakeIsNotTaken) {
  forced([&] { EXPECT_FALSE(outbox_->add(message("m-1")).ok()); }, "outbox.log");
  EXPECT_EQ(outbox_->size(), 0u);
  ASSERT_TRUE(outbox_->add(message("m-2")).ok());
  EXPECT_THAT(kept(), Contains("m-2"));
}

TEST_F(OutboxDurability, WhatIsNotToBeSentAnyMoreIsForgottenOnTheDiskToo) {
  ASSERT_TRUE(outbox_->add(message("m-1")).ok());
  EXPECT_THAT(forced([&] { ASSERT_TRUE(outbox_->forget(*domain::MessageId::parse("m-1")).ok()); }), ElementsAre("outbox.log"));
}

TEST_F(OutboxDurability, WhatCannotBeForgottenOnTheDiskStillWaits) {
  ASSERT_TRUE(outbox_->add(message("m-1")).ok());
  forced([&] { EXPECT_FALSE(outbox_->forget(*domain::MessageId::parse("m-1")).ok()); }, "outbox.log");
  EXPECT_EQ(outbox_->size(), 1u);
}

// Should the power take it back, the message is sent and acknowledged once more.
TEST_F(OutboxDurability, AnAcknowledgementDoesNotWaitForTheDisk) {
  ASSERT_TRUE(outbox_->add(message("m-1")).ok());
  EXPECT_THAT(forced([&] { EXPECT_TRUE(outbox_->acknowledged(*domain::MessageId::parse("m-1"))); }), IsEmpty());
  EXPECT_THAT(kept(), IsEmpty());
}

}  // namespace
}  // namespace hermes::chat
