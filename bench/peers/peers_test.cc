#include "bench/peers/peers.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <boost/json.hpp>

namespace hermes::bench {
namespace {

using testing::HasSubstr;
using testing::Not;

PeersResult two_contenders() {
  return {.measures = {{.measure = "append",
                        .unit = "messages per second",
                        .contenders = {{"Hermes", "ours", {100, 300, 200}}, {"Emmett", "theirs", {10, 50, 20}}}}}};
}

TEST(Peers, TheRatioIsThatOfTheMedians) {
  const boost::json::object json = to_json(two_contenders());
  const boost::json::value& emmett = json.at("measures").at(0).at("contenders").at(1);
  EXPECT_EQ(emmett.at("per_s"), 20.0);
  EXPECT_EQ(emmett.at("per_s_lowest"), 10.0);
  EXPECT_EQ(emmett.at("per_s_highest"), 50.0);
  EXPECT_EQ(emmett.at("hermes_ratio"), 10.0);
  EXPECT_TRUE(json.at("skipped").is_null());
  EXPECT_THAT(to_text(two_contenders()), HasSubstr("10.0 x"));
}

TEST(Peers, WhyTheyWereLeftOutIsSaid) {
  PeersResult result = two_contenders();
  EXPECT_THAT(to_text(result), Not(HasSubstr("left out")));
  result.skipped = "there is no npm";
  EXPECT_THAT(to_text(result), HasSubstr("The peers were left out: there is no npm\n"));
  EXPECT_EQ(to_json(result).at("skipped"), "there is no npm");
}

}  // namespace
}  // namespace hermes::bench
