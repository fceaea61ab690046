#include "base/timestamp.h"

#include <gtest/gtest.h>

namespace hermes {
namespace {

std::string reparsed(std::string_view text) {
  const auto time = parse_timestamp(text);
  return time ? rfc3339(*time) : "none";
}

TEST(Timestamp, PrintsRfc3339WithMicroseconds) {
  EXPECT_EQ(rfc3339(Timestamp()), "1970-01-01T00:00:00.000000Z");
  EXPECT_EQ(rfc3339(Timestamp(std::chrono::microseconds(1'769'860'800'000'001))), "2026-01-31T12:00:00.000001Z");
}

TEST(Timestamp, ReadsTheFormsThatClientsSend) {
  EXPECT_EQ(reparsed("2026-01-31T12:00:00.123456Z"), "2026-01-31T12:00:00.123456Z");
  EXPECT_EQ(reparsed("2026-01-31 12:00:00"), "2026-01-31T12:00:00.000000Z");
  EXPECT_EQ(reparsed("2026-01-31T12:00"), "2026-01-31T12:00:00.000000Z");
  EXPECT_EQ(reparsed("2026-01-31T12:00:00.5"), "2026-01-31T12:00:00.500000Z");
  EXPECT_EQ(reparsed("2026-01-31T12:00:00.123456789Z"), "2026-01-31T12:00:00.123456Z");
  EXPECT_EQ(reparsed("2026-01-31T12:00:00+02:00"), "2026-01-31T10:00:00.000000Z");
  EXPECT_EQ(reparsed("2026-01-31T12:00:00-0530"), "2026-01-31T17:30:00.000000Z");
  EXPECT_EQ(reparsed("2026-01-31 12:00:00+02"), "2026-01-31T10:00:00.000000Z");
  EXPECT_EQ(reparsed("2024-02-29T00:00Z"), "2024-02-29T00:00:00.000000Z");
}

TEST(Timestamp, ReadsRfc3339AsItStands) {
  EXPECT_EQ(reparsed("2016-12-31T23:59:60Z"), "2017-01-01T00:00:00.000000Z");
  EXPECT_EQ(reparsed("1990-12-31T15:59:60-08:00"), "1991-01-01T00:00:00.000000Z");
  EXPECT_EQ(reparsed("2016-12-31T23:59:60.25Z"), "2017-01-01T00:00:00.250000Z");
  EXPECT_EQ(reparsed("2026-01-31t12:00:00z"), "2026-01-31T12:00:00.000000Z");
  EXPECT_EQ(reparsed("2026-01-31T12:00:00.1234567890123Z"), "2026-01-31T12:00:00.123456Z");
  EXPECT_EQ(reparsed("2026-01-31T12:00:00-00:00"), "2026-01-31T12:00:00.000000Z");
}

TEST(Timestamp, ReadsItsCommonRelatives) {
  EXPECT_EQ(reparsed("2026-01-31T12:00:00,5Z"), "2026-01-31T12:00:00.500000Z");
  EXPECT_EQ(reparsed("2026-01-31T24:00"), "2026-02-01T00:00:00.000000Z");
  EXPECT_EQ(reparsed("2026-01-31T24:00:00.000Z"), "2026-02-01T00:00:00.000000Z");
  EXPECT_EQ(reparsed("20260131T120000Z"), "2026-01-31T12:00:00.000000Z");
  EXPECT_EQ(reparsed("20260131T120000.25+0200"), "2026-01-31T10:00:00.250000Z");
  EXPECT_EQ(reparsed("20260131T1200"), "2026-01-31T12:00:00.000000Z");
  EXPECT_EQ(reparsed("2026-01-31T12:00:00+01:00[Europe/Berlin]"), "2026-01-31T11:00:00.000000Z");
  EXPECT_EQ(reparsed("2026-01-31T12:00:00Z[UTC][u-ca=gregory]"), "2026-01-31T12:00:00.000000Z");
  EXPECT_EQ(reparsed("2026-01-31 12:00:00 +0200"), "2026-01-31T10:00:00.000000Z");
}

// Go's Time.String(), Ruby's Time#to_s, Rust's chrono, C++'s zoned_time, date -Ihours, a line that was read with its end.
TEST(Timestamp, ReadsHowLanguagesPrintUtc) {
  EXPECT_EQ(reparsed("2026-01-31 12:00:00.5 +0000 UTC"), "2026-01-31T12:00:00.500000Z");
  EXPECT_EQ(reparsed("2026-01-31 12:00:00 UTC"), "2026-01-31T12:00:00.000000Z");
  EXPECT_EQ(reparsed("2026-01-31 12:00:00 GMT"), "2026-01-31T12:00:00.000000Z");
  EXPECT_EQ(reparsed("2026-01-31T12:00:00 Z"), "2026-01-31T12:00:00.000000Z");
  EXPECT_EQ(reparsed("2026-01-31T12+01:00"), "2026-01-31T11:00:00.000000Z");
  EXPECT_EQ(reparsed("2026-01-31T12:00:00Z\n"), "2026-01-31T12:00:00.000000Z");
  EXPECT_EQ(reparsed("2026-01-31 12:00:00 +0100 CET"), "none") << "which zone a name means is not agreed upon";
  EXPECT_EQ(reparsed("2026-01-31 12:00:00 +0100 UTC"), "none");
}

TEST(Timestamp, RefusesWhatIsNoTime) {
  for (std::string_view text : {"",
                                "now",
                                "2026-01-31",
                                "2026-02-29T00:00",
                                "2026-13-01T00:00",
                                "2026-00-01T00:00",
                                "2026-01-31T12:60",
                                "2026-01-31T12:00:61",
                                "2026-01-31T24:01",
                                "2026-01-31T24:00:00.000001",
                                "2026-01-31T25:00",
                                "2026-01-31T1200",
                                "20260131T12:00",
                                "202601-31T12:00",
                                "2026-01-31T12:00:00,",
                                "2026-01-31T12:00[Europe/Berlin]",
                                "2026-01-31T12:00Z[",
                                "2026-01-31T12:00Z[]",
                                "2026-01-31T12:00Z[UTC]x",
                                "2026-01-31T12:00Zz",
                                "2026-01-31T12:00:00.",
                                " 2026-01-31T12:00Z",
                                "2026-01-31T12:00+",
                                "2026-01-31T12:00+2:00",
                                "2026-01-31T12:00+02:",
                                "2026-01-31T12:00ZZ",
                                "+026-01-31T12:00",
                                "2026-01-31T12:00+24:00"}) {
    EXPECT_EQ(reparsed(text), "none") << text;
  }
}

TEST(Timestamp, RefusesAbsurdYears) {
  EXPECT_EQ(reparsed("1969-12-31T23:59:59.999999Z"), "none");
  EXPECT_EQ(reparsed("1970-01-01T00:30:00+01:00"), "none");
  EXPECT_EQ(reparsed("9999-12-31T23:59:59.999999Z"), "9999-12-31T23:59:59.999999Z");
  EXPECT_EQ(reparsed("9999-12-31T23:59:59-01:00"), "none");
}

}  // namespace
}  // namespace hermes
