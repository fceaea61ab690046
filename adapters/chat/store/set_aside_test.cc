#include "adapters/chat/store/set_aside.h"

#include <gmock/gmock.h>

#include "tests/servers/temporary_folder.h"

namespace hermes::chat {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

SetAside refused(const std::string& id, const std::string& reason) {
  const auto user = [](const char* text) { return *domain::UserId::parse(text); };
  return {{{*domain::MessageId::parse(id), user("fredy"), "Fredy", user("david"), "text of " + id, "text"}, {}}, reason};
}

TEST(SetAsideMessages, AreKeptWithTheReasonUntilTheyAreDropped) {
  private_servers::TemporaryFolder folder;
  const auto store = *Store::open(folder.path());
  EXPECT_THAT(*all_set_aside(*store), IsEmpty());
  ASSERT_TRUE(set_aside(*store, refused("m-1", "the id is taken")).ok());
  ASSERT_TRUE(set_aside(*store, refused("m-2", "too \"large\"")).ok());
  ASSERT_TRUE(set_aside(*store, refused("m-1", "a second time")).ok());
  std::vector<std::string> seen;
  const auto kept = *all_set_aside(*store);
  for (const SetAside& message : kept) seen.push_back(message.outgoing.message.content + ": " + message.reason);
  EXPECT_THAT(seen, ElementsAre("text of m-1: the id is taken", "text of m-2: too \"large\""));

  EXPECT_TRUE(*drop_set_aside(*store, *domain::MessageId::parse("m-1")));
  EXPECT_FALSE(*drop_set_aside(*store, *domain::MessageId::parse("m-1")));
  EXPECT_EQ(all_set_aside(*store)->size(), 1u);
}

}  // namespace
}  // namespace hermes::chat
