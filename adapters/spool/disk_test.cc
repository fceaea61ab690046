// The spool and what can go wrong around it: a full disk, and the death of its process in the middle of a write.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <random>

#include "adapters/spool/spool.h"
#include "adapters/spool/test_folder.h"
#include "tests/support/faults/small_disk.h"

namespace hermes::spool {
namespace {

using test_support::SmallDisk;
using testing::HasSubstr;
using testing::IsEmpty;

std::string payload_of(Sequence sequence) {
  return std::to_string(sequence) + std::string(sequence * 37 % 3000, static_cast<char>('a' + sequence % 26));
}

constexpr Sequence kTogetherMax = 7;

// Appends as fast as it can, one to seven at once, and writes the last sequence of each to the pipe once append has returned:
// what is in the pipe was taken.
[[noreturn]] void append_until_killed(const Settings& settings, int pipe) {
  const auto spool = TestFolder::open(settings);
  Sequence taken = spool->statistics().records;
  for (;;) {
    std::vector<std::string> payloads;
    std::vector<NewRecord> records;
    for (Sequence i = 0; i <= taken % kTogetherMax; ++i) payloads.push_back(payload_of(taken + 1 + i));
    for (const std::string& payload : payloads) records.push_back({"topic", payload});
    const Spool::Appended appended = spool->append(records, kNoon);
    if (appended.error) ::_exit(1);
    taken = appended.last;
    if (::write(pipe, &taken, sizeof taken) != sizeof taken) ::_exit(1);
  }
}

// Proves that whatever append returned for is there after kill -9, whole and in order, and that nothing else is.
TEST(SpoolKilled, KeepsEveryRecordThatWasTaken) {
  const TestFolder folder;
  Settings settings = folder.settings();
  settings.segment_bytes = 100'000;
  settings.max_bytes = std::size_t{1} << 32;
  std::mt19937 random(std::random_device{}());
  Sequence taken = 0;
  for (int kill = 0; kill < 20; ++kill) {
    int ends[2];
    ASSERT_EQ(::pipe2(ends, O_CLOEXEC), 0);
    const pid_t child = ::fork();
    if (child == 0) append_until_killed(settings, ends[1]);
    ::close(ends[1]);
    // After a random number of records, so that the kill falls anywhere in a write.
    const std::uint32_t records = random() % 2000;
    Sequence sequence = 0;
    for (std::uint32_t i = 0; i < records && ::read(ends[0], &sequence, sizeof sequence) == sizeof sequence; ++i)
      taken = sequence;
    ::kill(child, SIGKILL);
    while (::read(ends[0], &sequence, sizeof sequence) == sizeof sequence) taken = sequence;
    ::close(ends[0]);
    ASSERT_EQ(::waitpid(child, nullptr, 0), child);

    const auto spool = TestFolder::open(settings);
    ASSERT_THAT(folder.warnings(), IsEmpty());
    Sequence found = 0;
    while (const std::optional<Record> record = spool->next()) {
      ASSERT_EQ(record->sequence, found + 1);
      ASSERT_EQ(record->payload, payload_of(record->sequence));
      found = record->sequence;
    }
    ASSERT_GE(found, taken);
    ASSERT_LE(found, taken + kTogetherMax);  // so many may have been written whole, their append not yet returned
    taken = found;
  }
}

// What follows holds for every way a disk can refuse: the record is not there, the ones before it are, and it goes on after.
void expect_to_survive_refusal(const TestFolder& folder, const Settings& settings, const std::function<void()>& mend) {
  Sequence taken = 0;
  {
    const auto spool = TestFolder::open(settings);
    std::optional<AppendError> error;
    while (!error && taken < 100'000) {
      const auto sequence = spool->append("topic", payload_of(taken + 1), kNoon);
      if (sequence)
        taken = *sequence;
      else
        error = sequence.error();
    }
    ASSERT_TRUE(error);
    EXPECT_EQ(error->kind, AppendError::Kind::io);
    EXPECT_THAT(error->message, HasSubstr("cannot write"));
    EXPECT_FALSE(
        spool->append("topic", std::string(300'000, 'x'), kNoon));  // too large for either, in a segment of its own too
    mend();
    ASSERT_EQ(append(*spool, payload_of(taken + 1)), taken + 1);
    ++taken;
  }
  const auto spool = TestFolder::open(settings);
  EXPECT_THAT(folder.warnings(), IsEmpty());
  for (Sequence i = 1; i <= taken; ++i) {
    const std::optional<Record> record = spool->next();
    ASSERT_TRUE(record);
    ASSERT_EQ(record->sequence, i);
    ASSERT_EQ(record->payload, payload_of(i));
  }
  EXPECT_FALSE(spool->next());
}

// A limit on the size of files makes write(2) fail in mid-record for any user.
TEST(SpoolRefused, ByAFileSizeLimitLosesNothingAndGoesOn) {
  const TestFolder folder;
  ::signal(SIGXFSZ, SIG_IGN);
  rlimit before{};
  ASSERT_EQ(::getrlimit(RLIMIT_FSIZE, &before), 0);
  rlimit small = before;
  small.rlim_cur = 200'000;
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &small), 0);
  expect_to_survive_refusal(folder, folder.settings(), [&] { ::setrlimit(RLIMIT_FSIZE, &before); });
  ::setrlimit(RLIMIT_FSIZE, &before);
}

TEST(SpoolRefused, TakesWhatCameTogetherInSmallerPiecesWhereTheDiskTakesNoneSoLarge) {
  const TestFolder folder;
  const auto spool = folder.open();
  const std::vector<std::string> payloads(100, std::string(3'000, 'x'));
  std::vector<NewRecord> records;
  for (const std::string& payload : payloads) records.push_back({"topic", payload});
  ::signal(SIGXFSZ, SIG_IGN);
  rlimit before{};
  ASSERT_EQ(::getrlimit(RLIMIT_FSIZE, &before), 0);
  rlimit small = before;
  small.rlim_cur = 200'000;  // two thirds of them
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &small), 0);
  const Spool::Appended appended = spool->append(records, kNoon);
  ::setrlimit(RLIMIT_FSIZE, &before);
  EXPECT_FALSE(appended.error) << appended.error->message;
  EXPECT_EQ(appended.count, payloads.size());
  EXPECT_EQ(read_payloads(*spool), payloads);
}

constexpr std::size_t kDiskBytes = 512 << 10;

class SpoolOnAFullDisk : public testing::TestWithParam<Fsync> {};

TEST_P(SpoolOnAFullDisk, LosesNothingAndGoesOn) {
  const TestFolder folder;
  const SmallDisk disk(folder.path() / "disk", kDiskBytes);
  if (!disk.mounted()) GTEST_SKIP() << "mounting a tmpfs needs root";
  Settings settings = folder.settings();
  settings.folder = folder.path() / "disk" / "spool";
  settings.fsync = GetParam();
  const std::filesystem::path ballast = folder.path() / "disk" / "ballast";
  write_bytes(ballast, std::string(100'000, 'x'));
  expect_to_survive_refusal(folder, settings, [&] { std::filesystem::remove(ballast); });
}

INSTANTIATE_TEST_SUITE_P(EveryPolicy, SpoolOnAFullDisk, testing::Values(Fsync::never, Fsync::interval, Fsync::always));

// The disk is full of the spool's own released records: then it makes room by itself.
TEST(SpoolOnAFullDisk, MakesRoomOfWhatIsReleased) {
  const TestFolder folder;
  const SmallDisk disk(folder.path() / "disk", kDiskBytes);
  if (!disk.mounted()) GTEST_SKIP() << "mounting a tmpfs needs root";
  Settings settings = folder.settings();
  settings.folder = folder.path() / "disk" / "spool";
  const auto spool = TestFolder::open(settings);
  for (int i = 0; i < 2000; ++i) {
    const Sequence sequence = append(*spool, std::string(2000, 'x'));
    ASSERT_TRUE(spool->next());
    spool->release(sequence);
  }
  EXPECT_THAT(folder.warnings(), IsEmpty());
}

// Once nothing more fits, releasing alone brings the room back, segment by segment.
TEST(SpoolOnAFullDisk, HasRoomAgainAsRecordsAreReleased) {
  const TestFolder folder;
  const SmallDisk disk(folder.path() / "disk", kDiskBytes);
  if (!disk.mounted()) GTEST_SKIP() << "mounting a tmpfs needs root";
  Settings settings = folder.settings();
  settings.folder = folder.path() / "disk" / "spool";
  const auto spool = TestFolder::open(settings);
  const std::uint64_t whole = spool->room().whole;
  EXPECT_LE(whole, kDiskBytes);
  EXPECT_EQ(spool->room().free, whole);
  Sequence last = 0;
  for (;;) {
    const auto appended = spool->append("topic", std::string(2000, 'x'), kNoon);
    if (!appended) break;
    last = *appended;
  }
  EXPECT_LT(spool->room().free, whole / 10);
  for (Sequence sequence = 1; sequence <= last; ++sequence) ASSERT_TRUE(spool->next());
  spool->release(last / 2);
  EXPECT_GT(spool->room().free, whole / 5);
  spool->release(last);
  EXPECT_EQ(spool->room().free, spool->room().whole);
  EXPECT_EQ(append(*spool, "more"), last + 1);
  EXPECT_THAT(folder.warnings(), IsEmpty());
}

}  // namespace
}  // namespace hermes::spool
