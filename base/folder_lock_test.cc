#include "base/folder_lock.h"

#include <gmock/gmock.h>
#include <unistd.h>

#include <optional>

namespace hermes {
namespace {

using testing::HasSubstr;

class FolderLockTest : public testing::Test {
 protected:
  void SetUp() override { std::filesystem::create_directories(folder_); }
  void TearDown() override { std::filesystem::remove_all(folder_); }
  const std::filesystem::path folder_ = testing::TempDir() + "folder_lock_test." + std::to_string(::getpid());
};

TEST_F(FolderLockTest, IsHeldByOneAtATime) {
  std::optional<FolderLock> first(*FolderLock::take(folder_));
  const auto second = FolderLock::take(folder_);
  ASSERT_FALSE(second.ok());
  EXPECT_TRUE(second.error().held_by_another);
  EXPECT_THAT(second.error().problem, HasSubstr("process " + std::to_string(::getpid()) + " holds " + folder_.string()));
  EXPECT_FALSE(FolderLock::wait_for(folder_, std::chrono::milliseconds(20)).ok());
  first.reset();
  EXPECT_TRUE(FolderLock::take(folder_).ok());
}

TEST_F(FolderLockTest, SaysWhyItCannotBeTaken) {
  const auto lock = FolderLock::take(folder_ / "missing");
  ASSERT_FALSE(lock.ok());
  EXPECT_FALSE(lock.error().held_by_another);
  EXPECT_THAT(lock.error().problem, HasSubstr("cannot open " + (folder_ / "missing/lock").string() + ": No such file"));
}

}  // namespace
}  // namespace hermes
