// The spool at its limits: exactly what fits, the segment that is just released, the file that is just a header.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <unistd.h>

#include <atomic>

#include "adapters/spool/segment_format.h"
#include "adapters/spool/spool.h"
#include "adapters/spool/test_folder.h"
#include "tests/support/eventually.h"

namespace hermes::spool {
namespace {

using test_support::eventually;
using testing::IsEmpty;
using testing::SizeIs;

constexpr std::string_view kTopic = "topic";
constexpr std::string_view kPayload = "payload";
constexpr std::size_t kFrameBytes = kFrameBytesMin + kTopic.size() + kPayload.size();

bool takes_one_more(Spool& spool) { return static_cast<bool>(spool.append(kTopic, kPayload, kNoon)); }

TEST(SpoolLimits, TakesAsManyBytesAsItMayAndNotOneMore) {
  for (const std::size_t too_few : {0, 1}) {
    const TestFolder folder;
    Settings settings = folder.settings();
    settings.segment_bytes = 1;  // a segment for each record
    settings.max_bytes = 2 * (kSegmentHeaderBytes + kFrameBytes) - too_few;
    const auto spool = TestFolder::open(settings);
    EXPECT_TRUE(takes_one_more(*spool));
    EXPECT_EQ(takes_one_more(*spool), too_few == 0);
    EXPECT_FALSE(takes_one_more(*spool));
    EXPECT_LE(spool->statistics().bytes, settings.max_bytes);
  }
}

TEST(SpoolLimits, ASegmentTakesAsManyBytesAsItMay) {
  const TestFolder folder;
  Settings settings = folder.settings();
  settings.segment_bytes = kSegmentHeaderBytes + 2 * kFrameBytes;
  const auto spool = TestFolder::open(settings);
  for (int i = 0; i < 4; ++i) EXPECT_TRUE(takes_one_more(*spool));
  EXPECT_THAT(folder.files(".segment"), SizeIs(2));
}

TEST(SpoolLimits, AStartRemovesNoSegmentWhoseLastRecordIsNotReleased) {
  const TestFolder folder;
  Settings settings = folder.settings();
  settings.segment_bytes = kSegmentHeaderBytes + 2 * kFrameBytes;
  {
    const auto spool = TestFolder::open(settings);
    for (int i = 0; i < 3; ++i) ASSERT_TRUE(takes_one_more(*spool));
    spool->release(1);
  }
  {
    const auto spool = TestFolder::open(settings);
    EXPECT_EQ(spool->recovered().records, 2u);
    EXPECT_THAT(folder.warnings(), IsEmpty());
    spool->release(2);
  }
  const auto spool = TestFolder::open(settings);
  EXPECT_EQ(spool->recovered().records, 1u);
  EXPECT_THAT(folder.files(".segment"), SizeIs(1));
}

// A header is written before the first record is taken.
TEST(SpoolLimits, AnUnreadableFileNoLongerThanAHeaderHeldNothing) {
  for (const std::size_t bytes : {kSegmentHeaderBytes, kSegmentHeaderBytes + 1}) {
    const TestFolder folder;
    std::filesystem::create_directory(folder.path() / "spool");
    write_bytes(folder.path() / "spool" / segment_name(1), std::string(bytes, 'x'));
    const auto spool = folder.open();
    EXPECT_THAT(spool->recovered().damaged, SizeIs(bytes > kSegmentHeaderBytes ? 1 : 0));
  }
}

TEST(SpoolLimits, AnUnreadableEndCountsAsOneRecordAtLeast) {
  const TestFolder folder;
  append(*folder.open(), "one");
  const std::filesystem::path segment = folder.files(".segment").at(0);
  std::string bytes = bytes_of(segment);
  bytes.back() ^= 1;
  write_bytes(segment, bytes);
  const auto spool = folder.open();
  ASSERT_THAT(spool->recovered().damaged, SizeIs(1));
  EXPECT_EQ(spool->recovered().damaged[0].records_lost, 0u) << "nobody knows";
  EXPECT_EQ(spool->statistics().records_damaged, 1u);
}

TEST(SpoolLimits, AClockIsBehindOnceItIsByMoreThanASecond) {
  const TestFolder folder;
  const auto spool = folder.open();
  append(*spool, "one");
  ASSERT_TRUE(spool->append("topic", "two", kNoon - std::chrono::seconds(1)));
  EXPECT_THAT(folder.warnings(), IsEmpty());
  // The second one counts as come a microsecond after noon.
  ASSERT_TRUE(spool->append("topic", "three", kNoon - std::chrono::seconds(1)));
  EXPECT_THAT(folder.warnings(), SizeIs(1));
}

// Puts a device that cannot be forced in the place of the file, as a disk that is gone.
void lose_disk_under(const std::filesystem::path& file) {
  const int device = ::open("/dev/null", O_RDWR | O_CLOEXEC);
  for (const auto& entry : std::filesystem::directory_iterator("/proc/self/fd")) {
    std::error_code gone;
    if (std::filesystem::read_symlink(entry.path(), gone) == file) ::dup2(device, std::stoi(entry.path().filename()));
  }
  ::close(device);
}

// The broker keeps that message, so somebody learns of it; what comes after it is tried.
TEST(SpoolLimits, AfterAForcingInIntervalsThatFailedOneMessageIsRefused) {
  const TestFolder folder;
  Settings settings = folder.settings();
  settings.fsync = Fsync::interval;
  settings.fsync_interval = std::chrono::milliseconds(20);
  std::atomic<bool> told = false;
  settings.warn = [&](const std::string& line) {
    told = told || line.find("would not survive a power loss") != std::string::npos;
  };
  const auto spool = TestFolder::open(settings);
  append(*spool, "one");
  lose_disk_under(folder.files(".segment").at(0));
  const auto refused = [&] { return !spool->append("topic", "more", kNoon); };
  EXPECT_TRUE(eventually(refused)) << "what is written is forced, and that fails";
  EXPECT_TRUE(told);
}

}  // namespace
}  // namespace hermes::spool
