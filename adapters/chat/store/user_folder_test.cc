#include "adapters/chat/store/user_folder.h"

#include <gmock/gmock.h>
#include <unistd.h>

#include <cstdlib>

#include "tests/servers/temporary_folder.h"

namespace hermes::chat {
namespace {

domain::UserId user(const std::string& text) { return *domain::UserId::parse(text); }

TEST(UserFolder, IsInsideTheRootWhateverTheUserIsCalled) {
  EXPECT_EQ(user_folder("/r", user("fredy")), "/r/fredy");
  EXPECT_EQ(user_folder("/r", user("..")), "/r/%2e.");
  EXPECT_EQ(user_folder("/r", user("a b")), "/r/a%20b");
  EXPECT_EQ(user_folder("/r", user("世")), "/r/%e4%b8%96");
}

TEST(UserFolder, TellsLongNamesApartAndFitsAFileName) {
  std::string name;
  for (int i = 0; i < 99; ++i) name += "世";
  const auto a = user_folder("/r", user(name + "a"));
  const auto b = user_folder("/r", user(name + "b"));
  EXPECT_NE(a, b);
  EXPECT_LE(a.filename().string().size(), 255u);
}

TEST(OutboxRoot, FollowsTheEnvironment) {
  ::setenv("HERMES_OUTBOX_DIR", "/one", 1);
  EXPECT_EQ(*outbox_root(), "/one");
  ::unsetenv("HERMES_OUTBOX_DIR");
  ::setenv("XDG_STATE_HOME", "/state", 1);
  EXPECT_EQ(*outbox_root(), "/state/hermes/outbox");
  ::setenv("XDG_STATE_HOME", "relative", 1);
  ::setenv("HOME", "/home/f", 1);
  EXPECT_EQ(*outbox_root(), "/home/f/.local/state/hermes/outbox");
}

TEST(LockFolder, MakesTheFolderForItsUserAlone) {
  private_servers::TemporaryFolder folder;
  const auto lock = lock_folder(folder / "u" / "chat");
  ASSERT_TRUE(lock.ok());
  EXPECT_EQ(std::filesystem::status(folder / "u" / "chat").permissions(), std::filesystem::perms::owner_all);
  const auto second = lock_folder(folder / "u" / "chat");
  ASSERT_FALSE(second.ok());
  EXPECT_TRUE(second.error().held_by_another);
  EXPECT_THAT(second.error().problem, ::testing::HasSubstr(std::to_string(::getpid())));
}

TEST(LockFolder, SaysWhatToDoWhereTheFolderCannotBeMade) {
  const auto lock = lock_folder("/proc/no-folder");
  ASSERT_FALSE(lock.ok());
  EXPECT_FALSE(lock.error().held_by_another);
  EXPECT_THAT(lock.error().problem, ::testing::HasSubstr("HERMES_OUTBOX_DIR"));
}

}  // namespace
}  // namespace hermes::chat
