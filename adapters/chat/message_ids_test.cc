#include "adapters/chat/message_ids.h"

#include <gmock/gmock.h>

namespace hermes::chat {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

MessageIds with(std::initializer_list<const char*> ids) {
  MessageIds out;
  for (const char* id : ids) out.add(id);
  return out;
}

TEST(MessageIds, FindsThemByTheirBeginning) {
  const MessageIds ids = with({"9f2fb6a0", "9f300000", "a1"});
  EXPECT_THAT(ids.beginning_with("9f"), ElementsAre("9f2fb6a0", "9f300000"));
  EXPECT_THAT(ids.beginning_with("9f2"), ElementsAre("9f2fb6a0"));
  EXPECT_THAT(ids.beginning_with("b"), IsEmpty());
}

TEST(MessageIds, AWholeIdIsThatMessageAlsoWhereAnotherBeginsSo) {
  EXPECT_THAT(with({"m-1", "m-10"}).beginning_with("m-1"), ElementsAre("m-1"));
}

TEST(MessageIds, ShortensToWhatTellsThemApart) {
  const MessageIds ids = with({"9f2fb6a0-1", "order-0001", "order-0002", "m-1", "m-10", "küüüüß", "küüüüä"});
  EXPECT_EQ(ids.shortened("9f2fb6a0-1"), "9f2fb6");
  EXPECT_EQ(ids.shortened("order-0001"), "order-0001");
  EXPECT_EQ(ids.shortened("m-1"), "m-1");
  EXPECT_EQ(ids.shortened("m-10"), "m-10");
  EXPECT_EQ(ids.shortened("küüüüß"), "küüüüß");
  for (const std::string& id : ids.newest_first()) EXPECT_THAT(ids.beginning_with(ids.shortened(id)), ElementsAre(id));
}

TEST(MessageIds, ForgetsTheOldest) {
  MessageIds ids = with({"first"});
  for (std::size_t i = 0; i < MessageIds::kMax; ++i) ids.add("m-" + std::to_string(i));
  EXPECT_THAT(ids.beginning_with("first"), IsEmpty());
  EXPECT_EQ(ids.newest_first().size(), MessageIds::kMax);
  EXPECT_EQ(ids.newest_first().front(), "m-" + std::to_string(MessageIds::kMax - 1));
}

}  // namespace
}  // namespace hermes::chat
