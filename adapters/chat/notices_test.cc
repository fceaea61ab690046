#include "adapters/chat/notices.h"

#include <gmock/gmock.h>
#include <poll.h>

namespace hermes::chat {
namespace {

using ::testing::IsEmpty;

Notice message_of(std::size_t bytes) {
  const auto user = [](const char* text) { return *domain::UserId::parse(text); };
  return MessageArrived{
      {{*domain::MessageId::parse("m-1"), user("fredy"), "Fredy", user("david"), std::string(bytes, 'x'), "text"}, {}}};
}

bool wakes(const Notices& notices) {
  pollfd one{.fd = notices.wake_descriptor(), .events = POLLIN, .revents = 0};
  return ::poll(&one, 1, 0) == 1;
}

TEST(NoticesTest, WakeUntilTheyAreTaken) {
  Notices notices;
  EXPECT_FALSE(wakes(notices));
  notices.tell(SessionTaken{});
  notices.tell(Trouble{"the disk"});
  EXPECT_TRUE(wakes(notices));
  EXPECT_EQ(notices.take().size(), 2u);
  EXPECT_FALSE(wakes(notices));
  EXPECT_THAT(notices.take(), IsEmpty());
}

TEST(NoticesTest, AreFullPastTheirNumberUntilTheyAreTaken) {
  Notices notices;
  for (std::size_t i = 0; i < Notices::kMax; ++i) notices.tell(SessionTaken{});
  EXPECT_FALSE(notices.full());
  notices.tell(SessionTaken{});
  EXPECT_TRUE(notices.full());
  EXPECT_EQ(notices.take().size(), Notices::kMax + 1);
  EXPECT_FALSE(notices.full());
}

TEST(NoticesTest, AreFullPastTheBytesOfTheirTextsUntilTheyAreTaken) {
  Notices notices;
  notices.tell(message_of(Notices::kMaxBytes));
  EXPECT_FALSE(notices.full());
  notices.tell(message_of(1));
  EXPECT_TRUE(notices.full());
  EXPECT_EQ(notices.take().size(), 2u);
  EXPECT_FALSE(notices.full());
}

}  // namespace
}  // namespace hermes::chat
