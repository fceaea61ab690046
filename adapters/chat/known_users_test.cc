#include "adapters/chat/known_users.h"

#include <gmock/gmock.h>

namespace hermes::chat {
namespace {

using namespace std::chrono_literals;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

domain::UserId user(const std::string& text) { return *domain::UserId::parse(text); }

class KnownUsersTest : public ::testing::Test {
 protected:
  void write_to(const std::string& who) { users_.written_to(user(who), now_); }
  std::vector<std::string> unknown_after(std::chrono::milliseconds time) { return users_.take_unknown(now_ += time); }

  KnownUsers::Clock::time_point now_ = KnownUsers::Clock::now();
  KnownUsers users_{user("fredy"), 3s};
};

TEST_F(KnownUsersTest, WhoGivesNoSignIsUnknownOnce) {
  users_.are_all();
  write_to("dvaid");
  write_to("dvaid");
  EXPECT_EQ(users_.deadline(), now_ + 3s);
  EXPECT_THAT(unknown_after(2999ms), IsEmpty());
  EXPECT_THAT(unknown_after(1ms), ElementsAre("dvaid"));
  write_to("dvaid");
  EXPECT_EQ(users_.deadline(), std::nullopt);
  EXPECT_THAT(unknown_after(1h), IsEmpty());
}

TEST_F(KnownUsersTest, WhoAnswersInTimeIsThereForTheFirstTime) {
  users_.are_all();
  write_to("david");
  users_.heard_of("david");
  EXPECT_THAT(unknown_after(3s), IsEmpty());
}

TEST_F(KnownUsersTest, NobodyIsUnknownBeforeAllAreNamed) {
  write_to("david");
  EXPECT_THAT(unknown_after(3s), IsEmpty());
}

TEST_F(KnownUsersTest, OneselfAndEveryoneAreNotWaitedFor) {
  write_to("fredy");
  write_to("all");
  EXPECT_EQ(users_.deadline(), std::nullopt);
}

TEST_F(KnownUsersTest, NeitherOneselfNorTheServerIsOffered) {
  for (const char* who : {"fredy", "server", "david"}) users_.heard_of(who);
  EXPECT_THAT(users_.ids(), ElementsAre("david"));
}

}  // namespace
}  // namespace hermes::chat
