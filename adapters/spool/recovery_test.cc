// What a spool makes of files that a kill, a power loss or a bad disk left behind.
#include "adapters/spool/recovery.h"

#include <gmock/gmock.h>

#include "adapters/spool/segment_format.h"
#include "adapters/spool/spool.h"
#include "adapters/spool/test_folder.h"

namespace hermes::spool {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

// A folder with one segment of three records, and where each of them ends.
class ThreeRecords : public testing::Test {
 protected:
  void SetUp() override {
    const auto spool = folder_.open();
    for (const char* payload : {"one", "two", "three"}) {
      append(*spool, payload);
      ends_.push_back(spool->statistics().bytes);
    }
    segment_ = folder_.files(".segment").at(0);
    sound_ = bytes_of(segment_);
  }

  void spoil(std::size_t offset) {
    std::string bytes = sound_;
    bytes[offset] = static_cast<char>(bytes[offset] ^ 0x40);
    write_bytes(segment_, bytes);
  }

  TestFolder folder_;
  std::filesystem::path segment_;
  std::string sound_;
  std::vector<std::size_t> ends_;
};

TEST_F(ThreeRecords, ATailTornAtAnyByteIsCutAndWhatIsBeforeItStays) {
  for (std::size_t length = 0; length <= sound_.size(); ++length) {
    SCOPED_TRACE(length);
    std::filesystem::remove_all(folder_.path() / "spool");
    std::filesystem::create_directory(folder_.path() / "spool");
    write_bytes(segment_, sound_.substr(0, length));
    std::size_t whole = 0;
    while (whole < ends_.size() && ends_[whole] <= length) ++whole;
    const std::size_t whole_bytes = whole > 0 ? ends_[whole - 1] : length > kSegmentHeaderBytes ? kSegmentHeaderBytes : 0;
    const std::size_t torn = whole == 0 && length == kSegmentHeaderBytes ? 0 : length - whole_bytes;

    const auto spool = folder_.open();
    EXPECT_EQ(spool->recovered().records, whole);
    EXPECT_EQ(spool->recovered().torn_bytes_cut, torn);
    EXPECT_THAT(spool->recovered().damaged, IsEmpty());
    EXPECT_EQ(append(*spool, "next"), whole + 1);
    EXPECT_THAT(read_payloads(*spool), SizeIs(whole + 1));
  }
}

TEST_F(ThreeRecords, ABitSpoiltAnywhereInTheMiddleIsToldAndKeptAside) {
  for (std::size_t offset = ends_[0]; offset < ends_[1]; ++offset) {
    SCOPED_TRACE(offset);
    spoil(offset);
    const auto spool = folder_.open();
    ASSERT_THAT(spool->recovered().damaged, SizeIs(1));
    const Damage& damage = spool->recovered().damaged[0];
    EXPECT_EQ(damage.offset, ends_[0]);
    EXPECT_EQ(damage.bytes, ends_[1] - ends_[0]);
    EXPECT_EQ(damage.records_lost, 1u);
    EXPECT_EQ(bytes_of(damage.kept_aside), bytes_of(segment_).substr(ends_[0], ends_[1] - ends_[0]));
    EXPECT_THAT(folder_.warnings().back(), HasSubstr("record 2 can't be read"));
    EXPECT_THAT(read_payloads(*spool), ElementsAre("one", "three"));
    EXPECT_EQ(spool->statistics().records_damaged, 1u);
    std::filesystem::remove(damage.kept_aside);
  }
}

TEST_F(ThreeRecords, ASpoiltLastRecordIsNotTakenForATornTail) {
  spoil(sound_.size() - 1);
  const auto spool = folder_.open();
  ASSERT_THAT(spool->recovered().damaged, SizeIs(1));
  EXPECT_EQ(bytes_of(spool->recovered().damaged[0].kept_aside).size(), ends_[2] - ends_[1]);
  EXPECT_THAT(folder_.warnings().back(), HasSubstr("the end of the spool can't be read"));
  EXPECT_THAT(read_payloads(*spool), ElementsAre("one", "two"));
}

TEST_F(ThreeRecords, ZerosAtTheEndAreToldForAPowerLossLeavesThem) {
  write_bytes(segment_, sound_ + std::string(4096, '\0'));
  const auto spool = folder_.open();
  EXPECT_THAT(spool->recovered().damaged, SizeIs(1));
  EXPECT_THAT(read_payloads(*spool), ElementsAre("one", "two", "three"));
}

TEST_F(ThreeRecords, DamageAtTheEndIsToldOnce) {
  spoil(sound_.size() - 1);
  { const auto spool = folder_.open(); }
  const auto spool = folder_.open();
  EXPECT_THAT(spool->recovered().damaged, IsEmpty());
  EXPECT_EQ(append(*spool, "next"), 3u);
}

TEST_F(ThreeRecords, ASpoiltHeaderSetsTheWholeSegmentAside) {
  spoil(10);
  const auto spool = folder_.open();
  ASSERT_THAT(spool->recovered().damaged, SizeIs(1));
  EXPECT_EQ(bytes_of(spool->recovered().damaged[0].kept_aside), bytes_of(folder_.files(".damaged").at(0)));
  EXPECT_EQ(bytes_of(spool->recovered().damaged[0].kept_aside).size(), sound_.size());
  EXPECT_THAT(read_payloads(*spool), IsEmpty());
}

// The leftover of a write that failed and could not be cut back: nothing is missing, so nothing is wrong.
TEST_F(ThreeRecords, ALeftoverBeforeTheNextSegmentIsNoDamage) {
  {
    const auto spool = folder_.open();
    append(*spool, "four");
  }
  write_bytes(segment_, sound_ + "half a frame");
  const auto spool = folder_.open();
  EXPECT_THAT(spool->recovered().damaged, IsEmpty());
  EXPECT_EQ(spool->recovered().torn_bytes_cut, 12u);
  EXPECT_THAT(read_payloads(*spool), ElementsAre("one", "two", "three", "four"));
}

// The same, with whole frames in what is left: their sequences were given again, and what was taken with them stands in the
// next.
TEST_F(ThreeRecords, ASegmentEndsBeforeTheFirstRecordOfTheNext) {
  {
    const auto spool = folder_.open();
    append(*spool, "four");
    append(*spool, "five");
  }
  FrameEncoder encoder;
  const std::uint32_t salt = decode_header(sound_)->salt;
  for (const Sequence sequence : {4, 5, 6}) encoder.add(salt, sequence, kNoon, "topic", "refused");
  write_bytes(segment_, sound_ + std::string(encoder.bytes()));
  for (int start = 0; start < 2; ++start) {
    const auto spool = folder_.open();
    EXPECT_THAT(spool->recovered().damaged, IsEmpty());
    EXPECT_EQ(spool->recovered().records, 5u);
    EXPECT_THAT(read_payloads(*spool), ElementsAre("one", "two", "three", "four", "five"));
  }
  EXPECT_EQ(append(*folder_.open(), "six"), 6u);
}

TEST_F(ThreeRecords, AGapBeforeASegmentThatHoldsNothingYetIsTold) {
  write_bytes(folder_.path() / "spool" / segment_name(7), encode_header({7, 1}));
  const auto spool = folder_.open();
  EXPECT_THAT(folder_.warnings(), ElementsAre(HasSubstr("records 4 to 6 are missing")));
  EXPECT_EQ(append(*spool, "seven"), 7u);
}

TEST_F(ThreeRecords, AMissingSegmentIsTold) {
  {
    const auto spool = folder_.open();
    append(*spool, "four");
  }
  std::filesystem::remove(segment_);
  const auto spool = folder_.open();
  ASSERT_THAT(spool->recovered().damaged, SizeIs(1));
  EXPECT_EQ(spool->recovered().damaged[0].records_lost, 3u);
  EXPECT_THAT(read_payloads(*spool), ElementsAre("four"));
}

TEST_F(ThreeRecords, DamageThatComesWhileTheSpoolIsOpenIsToldAndSteppedOver) {
  const auto spool = folder_.open();
  spoil(ends_[0] + 20);
  EXPECT_THAT(read_payloads(*spool), ElementsAre("one", "three"));
  EXPECT_THAT(folder_.warnings(), ElementsAre(HasSubstr("1 records can't be read")));
  EXPECT_THAT(folder_.files(".damaged"), SizeIs(1));
}

TEST_F(ThreeRecords, ASpoiltReleasedMarkMeansReadingAgainNotLosing) {
  folder_.open()->release(2);
  write_bytes(folder_.path() / "spool" / "released", std::string(1024, 'x'));
  const auto spool = folder_.open();
  EXPECT_THAT(read_payloads(*spool), ElementsAre("one", "two", "three"));
}

TEST_F(ThreeRecords, TheReleasedMarkSurvivesOneSpoiltSlot) {
  {
    const auto spool = folder_.open();
    spool->release(1);
    spool->release(2);
  }
  const std::filesystem::path mark = folder_.path() / "spool" / "released";
  const std::string sound = bytes_of(mark);
  for (const std::size_t slot : {0, 512}) {
    std::string bytes = sound;
    bytes[slot] = static_cast<char>(bytes[slot] ^ 1);
    write_bytes(mark, bytes);
    const auto spool = folder_.open();
    EXPECT_LE(spool->recovered().records, 2u);
    EXPECT_GE(spool->recovered().records, 1u);
  }
}

// A sender controls the payload, and may put there what looks like a record. Without the salt it can't pass.
TEST(Recovery, APayloadCannotForgeARecordBehindDamage) {
  const TestFolder folder;
  FrameEncoder encoder;
  const std::string forged(encoder.encode(/*salt=*/0, 2, kNoon, "topic", "forged"));
  {
    const auto spool = folder.open();
    append(*spool, "one");
    append(*spool, forged);
    append(*spool, "three");
  }
  const std::filesystem::path segment = folder.files(".segment").at(0);
  std::string bytes = bytes_of(segment);
  const std::size_t at = bytes.find(forged);
  bytes[at - 1] = static_cast<char>(bytes[at - 1] ^ 1);
  write_bytes(segment, bytes);
  const auto spool = folder.open();
  EXPECT_THAT(read_payloads(*spool), ElementsAre("one", "three"));
}

}  // namespace
}  // namespace hermes::spool
