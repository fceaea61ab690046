// Which calls the spool makes, and in which order it flushes to disk. Otherwise only a power loss would show that.
#include <gmock/gmock.h>

#include <algorithm>
#include <string>
#include <vector>

#include "adapters/spool/segment_format.h"
#include "adapters/spool/spool.h"
#include "adapters/spool/test_folder.h"
#include "tests/support/faults/failing_calls.h"

namespace hermes::spool {
namespace {

using test_support::FailingCalls;
using test_support::Fate;
using testing::ElementsAre;
using testing::IsEmpty;

const std::string kFirst = segment_name(1);
const std::string kSecond = segment_name(2);

class Durability : public testing::Test {
 protected:
  std::unique_ptr<Spool> open(Fsync fsync, std::size_t segment_bytes = 1 << 20) const {
    Settings settings = folder_.settings();
    settings.fsync = fsync;
    settings.segment_bytes = segment_bytes;
    return TestFolder::open(settings);
  }

  // What is called while `work` runs: "fdatasync released". Of those named `failing` each fails.
  template <typename Work>
  std::vector<std::string> calls(const Work& work, const std::string& failing = "") const {
    std::vector<std::string> made;
    const FailingCalls recording({.fate =
                                      [&](const FailingCalls::Call& call) {
                                        made.push_back(call.name + (' ' + call.file));
                                        return made.back() == failing ? Fate::fails : Fate::succeeds;
                                      },
                                  .wants_files = true});
    work();
    return made;
  }

  TestFolder folder_;
};

TEST_F(Durability, ASegmentIsOnTheDiskBeforeItsFirstRecord) {
  const auto spool = open(Fsync::always);
  EXPECT_THAT(calls([&] { append(*spool, "m1"); }),
              ElementsAre("open " + kFirst, "pwrite " + kFirst, "fdatasync " + kFirst, "open spool", "fsync spool",
                          "pwrite " + kFirst, "fdatasync " + kFirst));
}

TEST_F(Durability, WithAlwaysARecordIsOnTheDiskWhenItIsTaken) {
  const auto spool = open(Fsync::always);
  append(*spool, "m1");
  EXPECT_THAT(calls([&] { append(*spool, "m2"); }), ElementsAre("pwrite " + kFirst, "fdatasync " + kFirst));
}

TEST_F(Durability, WithAlwaysRecordsThatCameTogetherAreForcedTogether) {
  const auto spool = open(Fsync::always);
  append(*spool, "m1");
  const std::vector<NewRecord> two{{"topic", "m2"}, {"topic", "m3"}};
  EXPECT_THAT(calls([&] { EXPECT_EQ(spool->append(two, kNoon).count, 2u); }),
              ElementsAre("pwrite " + kFirst, "fdatasync " + kFirst));
}

TEST_F(Durability, WithNeverNothingIsForced) {
  const auto spool = open(Fsync::never);
  EXPECT_THAT(calls([&] { append(*spool, "m1"), append(*spool, "m2"); }),
              ElementsAre("open " + kFirst, "pwrite " + kFirst, "pwrite " + kFirst, "pwrite " + kFirst));
}

TEST_F(Durability, WithIntervalARecordDoesNotWaitForTheDisk) {
  const auto spool = open(Fsync::interval);
  append(*spool, "m1");
  EXPECT_THAT(calls([&] { append(*spool, "m2"); }), ElementsAre("pwrite " + kFirst));
}

TEST_F(Durability, WhatTheDiskDoesNotTakeIsNotTakenAndTakenBack) {
  const auto spool = open(Fsync::always);
  append(*spool, "m1");
  const std::vector<NewRecord> one{{"topic", "m2"}};
  EXPECT_THAT(calls(
                  [&] {
                    const auto appended = spool->append(one, kNoon);
                    EXPECT_EQ(appended.count, 0u);
                    ASSERT_TRUE(appended.error);
                    EXPECT_EQ(appended.error->kind, AppendError::Kind::io);
                  },
                  "fdatasync " + kFirst),
              ElementsAre("pwrite " + kFirst, "fdatasync " + kFirst, "ftruncate " + kFirst));
  EXPECT_THAT(read_payloads(*spool), ElementsAre("m1"));
}

TEST_F(Durability, ASegmentWhoseFolderIsNotForcedTakesNothing) {
  const auto spool = open(Fsync::always);
  const std::vector<NewRecord> one{{"topic", "m1"}};
  calls([&] { EXPECT_EQ(spool->append(one, kNoon).count, 0u); }, "fsync spool");
  EXPECT_THAT(read_payloads(*spool), IsEmpty());
  EXPECT_THAT(folder_.files(".segment"), IsEmpty());
}

TEST_F(Durability, WhatIsReleasedIsForcedBeforeItsSegmentGoes) {
  const auto spool = open(Fsync::always, kSegmentHeaderBytes + 1);  // a segment for each record
  append(*spool, "m1");
  append(*spool, "m2");
  EXPECT_THAT(calls([&] { spool->release(1); }), ElementsAre("pwrite released", "fdatasync released", "open " + kFirst,
                                                             "ftruncate " + kFirst, "remove " + kFirst));
}

TEST_F(Durability, ASegmentStaysWhenWhatIsReleasedCannotBeForced) {
  const auto spool = open(Fsync::always, kSegmentHeaderBytes + 1);
  append(*spool, "m1");
  append(*spool, "m2");
  EXPECT_THAT(calls([&] { spool->release(1); }, "fdatasync released"), ElementsAre("pwrite released", "fdatasync released"));
  EXPECT_EQ(folder_.files(".segment").size(), 2u);
}

// Should the power go in between, the bytes are in one place at least.
TEST_F(Durability, WhatIsKeptAsideIsOnTheDiskBeforeItIsCutOff) {
  std::size_t end_of_first = 0;
  {
    const auto spool = open(Fsync::never);
    append(*spool, "m1");
    end_of_first = spool->statistics().bytes;
    append(*spool, "m2");
  }
  const std::filesystem::path segment = folder_.files(".segment").at(0);
  std::string bytes = bytes_of(segment);
  bytes.back() ^= 1;
  write_bytes(segment, bytes);
  const std::string aside = std::filesystem::path(kFirst).stem().string() + "." + std::to_string(end_of_first) + ".damaged";
  std::vector<std::string> made = calls([&] { open(Fsync::never); });
  std::erase_if(made, [&](const std::string& call) {
    return !call.starts_with("fdatasync ") && !call.starts_with("ftruncate " + kFirst);
  });
  EXPECT_THAT(made, testing::IsSupersetOf({"fdatasync " + aside, "ftruncate " + kFirst, "fdatasync " + kFirst}));
  const auto at = [&](const std::string& call) { return std::ranges::find(made, call) - made.begin(); };
  EXPECT_LT(at("fdatasync " + aside), at("ftruncate " + kFirst));
  EXPECT_LT(at("ftruncate " + kFirst), at("fdatasync " + kFirst));
}

// A number that was never given out must not be missing: as if it had never been begun.
TEST_F(Durability, ASegmentWhoseFirstRecordIsNotTakenCountsForNothing) {
  const auto spool = open(Fsync::never);
  unsigned writes = 0;
  {
    const FailingCalls second_write_fails({.fate = [&](const FailingCalls::Call& call) {
      return std::string(call.name) == "pwrite" && ++writes == 2 ? Fate::fails : Fate::succeeds;
    }});
    const std::vector<NewRecord> one{{"topic", "m1"}};
    EXPECT_EQ(spool->append(one, kNoon).count, 0u);
  }
  EXPECT_EQ(spool->statistics().bytes, 0u);
  append(*spool, "m2");
  EXPECT_THAT(read_payloads(*spool), ElementsAre("m2"));
}

}  // namespace
}  // namespace hermes::spool
