// What the store forces to the disk before it says that something is kept, and what becomes of what the disk does not take.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "adapters/chat/store/outbox.h"
#include "tests/servers/temporary_folder.h"
#include "tests/support/faults/failing_calls.h"

namespace hermes::chat {
namespace {

using test_support::FailingCalls;
using test_support::Fate;
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
  // What a process finds that opens the store now, after a kill of this one: the memory that is shared is gone.
  std::vector<std::string> kept() const {
    const private_servers::TemporaryFolder after;
    for (const char* file : {"chat.sqlite", "chat.sqlite-wal"}) std::filesystem::copy(folder_ / file, after / file);
    const auto store = *Store::open(after.path());
    std::vector<std::string> ids;
    const auto outbox = *Outbox::open(*store, "chat");
    for (const Outgoing& outgoing : outbox->all()) ids.push_back(outgoing.message.message_id.str());
    return ids;
  }

  private_servers::TemporaryFolder folder_;
  std::unique_ptr<Store> store_ = *Store::open(folder_.path());
  std::unique_ptr<Outbox> outbox_ = *Outbox::open(*store_, "chat");
};

const std::string kWal = "chat.sqlite-wal";

TEST_F(OutboxDurability, AMessageIsOnTheDiskWhenItIsTaken) {
  EXPECT_THAT(forced([&] { ASSERT_TRUE(outbox_->add(message("m-1")).ok()); }), ElementsAre(kWal));
  EXPECT_THAT(kept(), ElementsAre("m-1"));
}

TEST_F(OutboxDurability, AMessageIsOnTheDiskAlsoAfterWhatNeedsNoDisk) {
  ASSERT_TRUE(outbox_->add(message("m-1")).ok());
  ASSERT_TRUE(outbox_->acknowledged(*domain::MessageId::parse("m-1")));
  EXPECT_THAT(forced([&] { ASSERT_TRUE(outbox_->add(message("m-2")).ok()); }), ElementsAre(kWal));
}

TEST_F(OutboxDurability, AMessageThatTheDiskDoesNotTakeIsNotTaken) {
  forced([&] { EXPECT_FALSE(outbox_->add(message("m-1")).ok()); }, kWal);
  EXPECT_EQ(outbox_->size(), 0u);
  EXPECT_THAT(kept(), IsEmpty());
  ASSERT_TRUE(outbox_->add(message("m-2")).ok());
  EXPECT_THAT(kept(), ElementsAre("m-2"));
}

// It has been written, and its writer was told that it is not kept.
TEST_F(OutboxDurability, AMessageThatCannotBeForcedIsNotTakenEither) {
  const auto syncs_fail = [](const FailingCalls::Call& call) {
    return call.name == std::string("fdatasync") ? Fate::fails : Fate::succeeds;
  };
  {
    const FailingCalls failing({.fate = syncs_fail});
    EXPECT_FALSE(outbox_->add(message("m-1")).ok());
  }
  EXPECT_EQ(outbox_->size(), 0u);
  EXPECT_THAT(kept(), IsEmpty());
}

TEST_F(OutboxDurability, WhatIsNotToBeSentAnyMoreIsForgottenOnTheDiskToo) {
  ASSERT_TRUE(outbox_->add(message("m-1")).ok());
  EXPECT_THAT(forced([&] { ASSERT_TRUE(outbox_->forget(*domain::MessageId::parse("m-1")).ok()); }), ElementsAre(kWal));
  EXPECT_THAT(kept(), IsEmpty());
}

TEST_F(OutboxDurability, WhatCannotBeForgottenOnTheDiskStillWaits) {
  ASSERT_TRUE(outbox_->add(message("m-1")).ok());
  forced([&] { EXPECT_FALSE(outbox_->forget(*domain::MessageId::parse("m-1")).ok()); }, kWal);
  EXPECT_EQ(outbox_->size(), 1u);
  EXPECT_THAT(kept(), ElementsAre("m-1"));
}

// Should the power take it back, the message is sent and acknowledged once more.
TEST_F(OutboxDurability, AnAcknowledgementDoesNotWaitForTheDisk) {
  ASSERT_TRUE(outbox_->add(message("m-1")).ok());
  EXPECT_THAT(forced([&] { EXPECT_TRUE(outbox_->acknowledged(*domain::MessageId::parse("m-1"))); }), IsEmpty());
  EXPECT_THAT(kept(), IsEmpty());
}

}  // namespace
}  // namespace hermes::chat
