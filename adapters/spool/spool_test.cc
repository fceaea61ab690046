#include "adapters/spool/spool.h"

#include <gmock/gmock.h>

#include <atomic>
#include <thread>

#include "adapters/spool/test_folder.h"

namespace hermes::spool {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::Gt;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Lt;

TEST(Spool, GivesBackWhatWasAppended) {
  const TestFolder folder;
  const auto spool = folder.open();
  const std::string payload("any bytes: \0\xff\n", 14);
  ASSERT_EQ(*spool->append("chat/messages/david", payload, kNoon), 1u);

  const std::optional<Record> record = spool->next();
  ASSERT_TRUE(record);
  EXPECT_EQ(record->sequence, 1u);
  EXPECT_EQ(record->topic, "chat/messages/david");
  EXPECT_EQ(record->payload, payload);
  EXPECT_EQ(record->received_at, kNoon);
  EXPECT_FALSE(spool->next());
}

TEST(Spool, ReadsOnAfterTheEndWasReached) {
  const TestFolder folder;
  const auto spool = folder.open();
  append(*spool, "one");
  EXPECT_THAT(read_payloads(*spool), ElementsAre("one"));
  append(*spool, "two");
  EXPECT_THAT(read_payloads(*spool), ElementsAre("two"));
}

TEST(Spool, ReadsAgainAfterARestartWhatWasNotReleased) {
  const TestFolder folder;
  {
    const auto spool = folder.open();
    for (const char* payload : {"one", "two", "three"}) append(*spool, payload);
    spool->release(1);
  }
  const auto spool = folder.open();
  EXPECT_EQ(spool->recovered().records, 2u);
  EXPECT_THAT(read_payloads(*spool), ElementsAre("two", "three"));
  EXPECT_EQ(append(*spool, "four"), 4u);
  EXPECT_THAT(folder.warnings(), IsEmpty());
}

TEST(Spool, NeverGivesASequenceTwiceThoughNothingIsLeft) {
  const TestFolder folder;
  {
    const auto spool = folder.open();
    append(*spool, "one");
    append(*spool, "two");
    spool->release(2);
  }
  { const auto spool = folder.open(); }  // removes the segment
  EXPECT_THAT(folder.files(".segment"), IsEmpty());
  const auto spool = folder.open();
  EXPECT_EQ(append(*spool, "three"), 3u);
}

TEST(Spool, RemovesSegmentsThatAreReleased) {
  const TestFolder folder;
  Settings settings = folder.settings();
  settings.segment_bytes = 1000;
  const auto spool = TestFolder::open(settings);
  for (int i = 0; i < 100; ++i) append(*spool, std::string(100, 'x'));
  EXPECT_GT(folder.files(".segment").size(), 10u);
  spool->release(100);
  EXPECT_EQ(folder.files(".segment").size(), 1u);
  EXPECT_EQ(spool->statistics().records, 0u);
  EXPECT_LT(spool->statistics().bytes, 1100u);
}

TEST(Spool, GoesThroughManySegmentsInOrder) {
  const TestFolder folder;
  Settings settings = folder.settings();
  settings.segment_bytes = 300;
  {
    const auto spool = TestFolder::open(settings);
    for (int i = 1; i <= 500; ++i) append(*spool, std::to_string(i));
  }
  const auto spool = TestFolder::open(settings);
  for (int i = 501; i <= 1000; ++i) append(*spool, std::to_string(i));
  for (int i = 1; i <= 1000; ++i) {
    const std::optional<Record> record = spool->next();
    ASSERT_TRUE(record);
    ASSERT_EQ(record->payload, std::to_string(i));
    ASSERT_EQ(record->sequence, static_cast<Sequence>(i));
  }
}

TEST(Spool, ARecordLargerThanASegmentHasOneAlone) {
  const TestFolder folder;
  Settings settings = folder.settings();
  settings.segment_bytes = 1000;
  const auto spool = TestFolder::open(settings);
  append(*spool, "small");
  append(*spool, std::string(500'000, 'x'));
  append(*spool, "small again");
  EXPECT_EQ(folder.files(".segment").size(), 3u);
  EXPECT_THAT(read_payloads(*spool), ElementsAre("small", std::string(500'000, 'x'), "small again"));
}

TEST(Spool, SaysFullAtItsLimitAndTakesMoreWhenReleased) {
  const TestFolder folder;
  Settings settings = folder.settings();
  settings.max_bytes = 10'000;
  const auto spool = TestFolder::open(settings);
  Sequence last = 0;
  std::optional<AppendError> error;
  while (!error) {
    const auto sequence = spool->append("topic", std::string(100, 'x'), kNoon);
    if (sequence)
      last = *sequence;
    else
      error = sequence.error();
  }
  EXPECT_EQ(error->kind, AppendError::Kind::full);
  EXPECT_THAT(error->message, HasSubstr("is full (10000 bytes)"));
  EXPECT_GT(last, 50u);
  spool->release(last / 2);
  EXPECT_EQ(append(*spool, std::string(100, 'x')), last + 1);
  EXPECT_LE(spool->statistics().bytes, settings.max_bytes);
}

std::vector<NewRecord> records_of(const std::vector<std::string>& payloads) {
  std::vector<NewRecord> records;
  for (const std::string& payload : payloads) records.push_back({"chat/messages/david", payload});
  return records;
}

TEST(Spool, KeepsTheOrderOfWhatCameTogetherOverItsSegments) {
  const TestFolder folder;
  Settings settings = folder.settings();
  settings.segment_bytes = 2'000;
  std::vector<std::string> payloads;
  for (int i = 0; i < 50; ++i) payloads.push_back(std::to_string(i) + std::string(static_cast<std::size_t>(i) * 10, 'x'));
  const auto spool = TestFolder::open(settings);
  append(*spool, "before");
  const Spool::Appended appended = spool->append(records_of(payloads), kNoon);
  append(*spool, "after");
  EXPECT_FALSE(appended.error);
  EXPECT_EQ(appended.count, payloads.size());
  EXPECT_EQ(appended.last, 1 + payloads.size());
  EXPECT_GT(folder.files(".segment").size(), 5u);
  payloads.insert(payloads.begin(), "before");
  payloads.push_back("after");
  EXPECT_EQ(read_payloads(*spool), payloads);
  EXPECT_EQ(spool->statistics().records, payloads.size());
}

TEST(Spool, TakesTheFirstOfWhatCameTogetherWhenItIsFull) {
  const TestFolder folder;
  Settings settings = folder.settings();
  settings.max_bytes = 10'000;
  const std::vector<std::string> payloads(30, std::string(1'000, 'x'));
  const auto spool = TestFolder::open(settings);
  const Spool::Appended appended = spool->append(records_of(payloads), kNoon);
  ASSERT_TRUE(appended.error);
  EXPECT_EQ(appended.error->kind, AppendError::Kind::full);
  EXPECT_THAT(appended.count, AllOf(Gt(5u), Lt(10u)));
  EXPECT_EQ(appended.last, appended.count);
  EXPECT_EQ(read_payloads(*spool).size(), appended.count);
  spool->release(appended.last);
  EXPECT_FALSE(spool->append(records_of(payloads), kNoon).count == 0);
}

// The segment being written counts too: with everything in it released it must not keep the spool full.
TEST(Spool, IsNotFullOfReleasedRecords) {
  const TestFolder folder;
  Settings settings = folder.settings();
  settings.max_bytes = 4000;
  const auto spool = TestFolder::open(settings);
  for (int i = 0; i < 1000; ++i) {
    const Sequence sequence = append(*spool, std::string(900, 'x'));
    ASSERT_TRUE(spool->next());
    spool->release(sequence);
  }
}

TEST(Spool, RefusesAFolderThatIsInUseAndNamesItsHolder) {
  const TestFolder folder;
  const auto spool = folder.open();
  const auto second = Spool::open(folder.settings());
  ASSERT_FALSE(second);
  EXPECT_THAT(second.error().message, HasSubstr((folder.path() / "spool").string()));
  EXPECT_THAT(second.error().message, HasSubstr("process " + std::to_string(::getpid())));
}

TEST(Spool, SaysWhyAFolderCannotBeMade) {
  Settings settings;
  settings.folder = "/proc/no/such/folder";
  const auto spool = Spool::open(settings);
  ASSERT_FALSE(spool);
  EXPECT_THAT(spool.error().message, HasSubstr("/proc/no/such/folder"));
}

TEST(Spool, KeepsMessagesFromOtherUsers) {
  const TestFolder folder;
  const auto spool = folder.open();
  append(*spool, "private");
  using std::filesystem::perms;
  EXPECT_EQ(std::filesystem::status(folder.path() / "spool").permissions(), perms::owner_all);
  EXPECT_EQ(std::filesystem::status(folder.files(".segment").at(0)).permissions(), perms::owner_read | perms::owner_write);
}

TEST(Spool, TellsItsSizeAndAge) {
  const TestFolder folder;
  const auto spool = folder.open();
  EXPECT_FALSE(spool->statistics().oldest);
  for (int i = 0; i < 3000; ++i) {
    ASSERT_TRUE(spool->append("topic", "payload", kNoon + std::chrono::seconds(i)));
  }
  spool->release(2500);
  for (const Spool::Statistics& statistics : {spool->statistics(), *inspect(folder.path() / "spool")}) {
    EXPECT_EQ(statistics.records, 500u);
    EXPECT_EQ(statistics.oldest, kNoon + std::chrono::seconds(2500));
    EXPECT_EQ(statistics.bytes, std::filesystem::file_size(folder.files(".segment").at(0)));
  }
  spool->release(3000);
  EXPECT_FALSE(spool->statistics().oldest);
  EXPECT_FALSE(inspect(folder.path() / "spool")->oldest);
  EXPECT_FALSE(inspect(folder.path() / "nothing here"));
}

class SpoolWithFsync : public testing::TestWithParam<Fsync> {};

TEST_P(SpoolWithFsync, IsReadAndReleasedWhileItIsWritten) {
  const TestFolder folder;
  Settings settings = folder.settings();
  settings.fsync = GetParam();
  settings.fsync_interval = std::chrono::milliseconds(1);
  settings.segment_bytes = 4000;
  const auto spool = TestFolder::open(settings);
  constexpr Sequence kRecords = 2000;
  std::thread writer([&] {
    for (Sequence i = 1; i <= kRecords; ++i) append(*spool, std::to_string(i));
  });
  std::thread observer([&] {
    while (spool->statistics().records < kRecords && spool->statistics().bytes == 0) std::this_thread::yield();
  });
  for (Sequence i = 1; i <= kRecords;) {
    const std::optional<Record> record = spool->next();
    if (!record) continue;
    ASSERT_EQ(record->payload, std::to_string(i));
    spool->release(i++);
  }
  writer.join();
  observer.join();
  EXPECT_EQ(spool->statistics().records, 0u);
  EXPECT_THAT(folder.warnings(), IsEmpty());
}

INSTANTIATE_TEST_SUITE_P(EveryPolicy, SpoolWithFsync, testing::Values(Fsync::never, Fsync::interval, Fsync::always));

// ---- times of arrival ----

std::vector<Timestamp> arrivals_in(Spool& spool) {
  std::vector<Timestamp> times;
  while (std::optional<Record> record = spool.next()) times.push_back(record->received_at);
  return times;
}

constexpr std::chrono::microseconds kTick{1};
constexpr std::chrono::hours kDay{24};

TEST(ArrivalTimes, OfRecordsThatComeTogetherAreAMicrosecondApart) {
  const TestFolder folder;
  const auto spool = folder.open();
  const std::vector<std::string> payloads = {"one", "two", "three"};
  ASSERT_EQ(spool->append(records_of(payloads), kNoon).count, 3u);
  EXPECT_THAT(arrivals_in(*spool), ElementsAre(kNoon, kNoon + kTick, kNoon + 2 * kTick));
}

TEST(ArrivalTimes, GoOnWhenTheClockIsPutBack) {
  const TestFolder folder;
  const auto spool = folder.open();
  ASSERT_TRUE(spool->append("topic", "one", kNoon));
  ASSERT_TRUE(spool->append("topic", "two", kNoon - kDay));
  ASSERT_TRUE(spool->append("topic", "three", kNoon + kDay));
  EXPECT_THAT(arrivals_in(*spool), ElementsAre(kNoon, kNoon + kTick, kNoon + kDay));
}

TEST(ArrivalTimes, OfAClockThatWasPutBackAreToldOnceUntilItHasCaughtUp) {
  const TestFolder folder;
  const auto spool = folder.open();
  ASSERT_TRUE(spool->append("topic", "one", kNoon));
  for (const char* payload : {"two", "three"}) ASSERT_TRUE(spool->append("topic", payload, kNoon - kDay));
  EXPECT_THAT(folder.warnings(), ElementsAre(HasSubstr("It was put back")));
  ASSERT_TRUE(spool->append("topic", "four", kNoon + kDay));
  ASSERT_TRUE(spool->append("topic", "five", kNoon));
  EXPECT_THAT(folder.warnings(), testing::SizeIs(2));
}

TEST(ArrivalTimes, OfAClockThatIsAMomentBehindAreNoNews) {
  const TestFolder folder;
  const auto spool = folder.open();
  ASSERT_TRUE(spool->append("topic", "one", kNoon));
  ASSERT_TRUE(spool->append("topic", "two", kNoon - std::chrono::milliseconds(900)));
  EXPECT_THAT(folder.warnings(), IsEmpty());
}

TEST(ArrivalTimes, GoOnAfterARestartBehindWhatWaits) {
  const TestFolder folder;
  append(*folder.open(), "one");
  const auto spool = folder.open();
  ASSERT_TRUE(spool->append("topic", "two", kNoon - kDay));
  EXPECT_THAT(arrivals_in(*spool), ElementsAre(kNoon, kNoon + kTick));
}

// A record came at noon, and only the mark is left of it.
void append_and_release_one(const TestFolder& folder) {
  {
    const auto spool = folder.open();
    append(*spool, "one");
    spool->release(1);
  }
  folder.open();  // removes the segment
}

TEST(ArrivalTimes, GoOnAfterARestartThoughNothingIsLeft) {
  const TestFolder folder;
  append_and_release_one(folder);
  for (int life = 1; life <= 2; ++life) {
    ASSERT_THAT(folder.files(".segment"), IsEmpty()) << "else the record is the trace, not the mark";
    {
      const auto spool = folder.open();
      ASSERT_TRUE(spool->append("topic", "two", kNoon - kDay));
      EXPECT_THAT(arrivals_in(*spool), ElementsAre(kNoon + life * kTick));
      spool->release(static_cast<Sequence>(1 + life));
    }
    folder.open();  // removes the segment
  }
}

// The record that is released is not always the last that arrived.
TEST(ArrivalTimes, GoOnAfterARestartBehindTheLastThatArrived) {
  const TestFolder folder;
  {
    const auto spool = folder.open();
    for (const char* payload : {"one", "two", "three"}) append(*spool, payload);
    spool->release(1);
  }
  const auto spool = folder.open();
  ASSERT_TRUE(spool->append("topic", "four", kNoon - kDay));
  EXPECT_THAT(arrivals_in(*spool), ElementsAre(kNoon + kTick, kNoon + 2 * kTick, kNoon + 3 * kTick));
}

// A former version wrote the mark without a time. What it had released stays released.
TEST(ArrivalTimes, AreNotInTheMarkOfAFormerVersion) {
  const TestFolder folder;
  append_and_release_one(folder);
  std::string mark = bytes_of(folder.path() / "spool" / "released");
  for (std::size_t slot = 0; slot < mark.size(); slot += 512)
    std::fill_n(mark.begin() + static_cast<std::ptrdiff_t>(slot) + 12, 12, '\0');
  write_bytes(folder.path() / "spool" / "released", mark);
  const auto spool = folder.open();
  EXPECT_EQ(*spool->append("topic", "two", kNoon - kDay), 2u);
  EXPECT_THAT(arrivals_in(*spool), ElementsAre(kNoon - kDay));
}

// A time of arrival that does not belong to its mark (a spoilt sector) is not believed.
TEST(ArrivalTimes, ThatWereSpoiltInTheMarkAreNotBelieved) {
  const TestFolder folder;
  append_and_release_one(folder);
  std::string mark = bytes_of(folder.path() / "spool" / "released");
  for (std::size_t slot = 0; slot < mark.size(); slot += 512) mark[slot + 18] ^= 0x7f;
  write_bytes(folder.path() / "spool" / "released", mark);
  const auto spool = folder.open();
  ASSERT_TRUE(spool->append("topic", "two", kNoon + kTick));
  EXPECT_THAT(arrivals_in(*spool), ElementsAre(kNoon + kTick));
}

}  // namespace
}  // namespace hermes::spool
