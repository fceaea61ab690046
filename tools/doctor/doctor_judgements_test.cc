#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tools/doctor/doctor_checks.h"

namespace hermes::tools {
namespace {

using namespace std::chrono_literals;
using Level = Check::Level;
using testing::HasSubstr;

TEST(ClockJudgement, LeavesRoomForTheTimeThatAskingTakes) {
  EXPECT_EQ(judge_clock(0us, 100us).level, Level::ok);
  EXPECT_EQ(judge_clock(2s, 1500ms).level, Level::ok);
  EXPECT_EQ(judge_clock(2s, 500us).level, Level::warn);
  EXPECT_EQ(judge_clock(-2s, 500us).level, Level::warn);
}

TEST(ClockJudgement, SaysWhichClockIsAhead) {
  const Check ahead = judge_clock(1h, 1ms);
  EXPECT_EQ(ahead.level, Level::fail);
  EXPECT_THAT(ahead.finding, HasSubstr("1 h 0 min ahead of this machine's"));
  EXPECT_THAT(judge_clock(-1h, 1ms).finding, HasSubstr("1 h 0 min behind this machine's"));
  EXPECT_THAT(ahead.advice, HasSubstr("timedatectl"));
}

TEST(WalJudgement, WarnsOfPostgresDefaultsAndSaysWhatSuffersFirst) {
  constexpr std::uint64_t kGiB = 1u << 30;
  EXPECT_EQ(judge_wal(kGiB, 2 * kGiB).level, Level::ok);
  const Check defaults = judge_wal(80u << 20, kGiB);
  EXPECT_EQ(defaults.level, Level::warn);
  EXPECT_THAT(defaults.finding, HasSubstr("80.0 MiB kept, up to 1.0 GiB: under load commits wait"));
  EXPECT_EQ(judge_wal(80u << 20, 4 * kGiB).level, Level::warn);
  EXPECT_THAT(judge_wal(kGiB, kGiB).finding, HasSubstr("checkpoints come too often"));
}

TEST(DiskJudgement, ComparesWhatIsFreeWithWhatMayBeWritten) {
  constexpr std::uint64_t kGiB = 1u << 30;
  EXPECT_EQ(judge_disk("spool disk", "/spool", 8 * kGiB, 2 * kGiB, "make room").level, Level::ok);
  const Check short_of_room = judge_disk("spool disk", "/spool", 2 * kGiB, 8 * kGiB, "make room");
  EXPECT_EQ(short_of_room.level, Level::warn);
  EXPECT_THAT(short_of_room.finding, HasSubstr("2.0 GiB free for /spool, which may grow by 8.0 GiB"));
  EXPECT_EQ(judge_disk("data disk", "/data", kGiB / 2, 0, "make room").level, Level::warn);
  EXPECT_EQ(judge_disk("data disk", "/data", 1 << 20, 0, "make room").level, Level::fail);
}

TEST(ArchivingJudgement, SaysThatThereIsNoneAndWhatThatCosts) {
  const Check off = judge_archiving({.off_because = "archive_mode is off", .failing_file = "", .last_archived_ago = {}});
  EXPECT_EQ(off.level, Level::warn);
  EXPECT_THAT(off.finding, HasSubstr("none (archive_mode is off)"));
  EXPECT_THAT(off.advice, HasSubstr("docs/backup.md"));
}

TEST(ArchivingJudgement, FailsWhereTheLastFileWasNotTaken) {
  EXPECT_EQ(judge_archiving({.off_because = "", .failing_file = "", .last_archived_ago = 90s}).level, Level::ok);
  EXPECT_EQ(judge_archiving({.off_because = "", .failing_file = "", .last_archived_ago = {}}).level, Level::ok);
  const Check failing =
      judge_archiving({.off_because = "", .failing_file = "000000010000000000000007", .last_archived_ago = 1h});
  EXPECT_EQ(failing.level, Level::fail);
  EXPECT_THAT(failing.finding, HasSubstr("000000010000000000000007 (the last file 1 h 0 min ago)"));
}

TEST(AnchorJudgement, TellsItsAgeAndWarnsOfAnOldOneOrNone) {
  const Check young = judge_anchor("/anchor", 3h);
  EXPECT_EQ(young.level, Level::ok);
  EXPECT_THAT(young.finding, HasSubstr("/anchor, written 3 h 0 min ago"));
  EXPECT_EQ(judge_anchor("/anchor", 72h).level, Level::warn);
  EXPECT_EQ(judge_anchor("/anchor", std::nullopt).level, Level::warn);
  EXPECT_THAT(judge_anchor("", std::nullopt).advice, HasSubstr("HERMES_ANCHOR"));
}

TEST(BrokerJudgement, NamesSmallLimits) {
  mqtt::Grants grants;
  grants.session_expiry = 7 * 24h;
  EXPECT_EQ(judge_receive_maximum(grants).level, Level::ok);
  EXPECT_EQ(judge_packet_size(grants).level, Level::ok);
  EXPECT_EQ(judge_session_expiry(grants).level, Level::ok);
  grants.receive_maximum = 20;
  grants.maximum_packet_bytes = 256 * 1024;  // a payload of the largest size needs a packet that is larger
  grants.session_expiry = 1h;
  EXPECT_EQ(judge_receive_maximum(grants).level, Level::warn);
  EXPECT_EQ(judge_packet_size(grants).level, Level::warn);
  EXPECT_EQ(judge_session_expiry(grants).level, Level::warn);
  grants.session_expiry = 0s;
  EXPECT_EQ(judge_session_expiry(grants).level, Level::fail);
}

const std::vector<ingest::KeptSession> kLeft{
    {"127.0.0.1:1883", "hermes-old", {"chat/messages/#"}, ingest::KeptSession::Time(1h)}};

TEST(FormerSessionsJudgement, NamesTheClientIdThatMayStillQueue) {
  const Check unknown = judge_former_sessions(kLeft, std::nullopt);
  EXPECT_EQ(unknown.level, Level::warn);
  EXPECT_THAT(unknown.finding, HasSubstr("hermes-old"));
  EXPECT_THAT(judge_former_sessions(kLeft, 3).finding, HasSubstr("keeps 3 sessions of clients that are away"));
}

TEST(FormerSessionsJudgement, BelievesABrokerThatKeepsNone) {
  EXPECT_EQ(judge_former_sessions(kLeft, 0).level, Level::ok);
  EXPECT_EQ(judge_former_sessions({}, 3).level, Level::ok);
}

}  // namespace
}  // namespace hermes::tools
