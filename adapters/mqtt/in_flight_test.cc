#include "adapters/mqtt/in_flight.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <vector>

namespace hermes::mqtt {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using namespace std::chrono_literals;

constexpr std::size_t kNoLimit = 65'535;

// "id:payload" of each packet that is sent now, with a "+" where it is marked as sent before.
std::vector<std::string> sent(InFlight& in_flight, std::size_t receive_maximum = kNoLimit) {
  std::string out;
  in_flight.send_more(out, receive_maximum);
  std::vector<std::string> packets;
  for (std::string_view rest = out; !rest.empty();) {
    const auto publish = std::get<Publish>(**take_packet(rest));
    packets.push_back(std::to_string(publish.packet_id) + ":" + std::string(publish.payload) + (publish.duplicate ? "+" : ""));
  }
  return packets;
}

void add(InFlight& in_flight, const std::string& payload, OutcomePtr outcome = nullptr) {
  in_flight.add("topic", payload, false, std::move(outcome));
}

TEST(InFlight, SendsEachOnceInOrder) {
  InFlight in_flight;
  add(in_flight, "a");
  add(in_flight, "b");
  EXPECT_THAT(sent(in_flight), ElementsAre("1:a", "2:b"));
  EXPECT_THAT(sent(in_flight), IsEmpty());
  add(in_flight, "c");
  EXPECT_THAT(sent(in_flight), ElementsAre("3:c"));
}

TEST(InFlight, HasNoMoreUnderWayThanTheBrokerAllows) {
  InFlight in_flight;
  for (const char* payload : {"a", "b", "c", "d"}) add(in_flight, payload);
  EXPECT_THAT(sent(in_flight, 2), ElementsAre("1:a", "2:b"));
  EXPECT_TRUE(in_flight.acknowledged(2, 0));  // out of order
  EXPECT_THAT(sent(in_flight, 2), ElementsAre("3:c"));
  EXPECT_TRUE(in_flight.acknowledged(1, 0));
  EXPECT_THAT(sent(in_flight, 2), ElementsAre("4:d"));
}

TEST(InFlight, TellsWhoWaitsWhatTheBrokerSaid) {
  InFlight in_flight;
  const auto taken = std::make_shared<Outcome>();
  const auto refused = std::make_shared<Outcome>();
  add(in_flight, "a", taken);
  add(in_flight, "b", refused);
  sent(in_flight);
  EXPECT_TRUE(in_flight.acknowledged(1, 0x10));  // no matching subscribers: taken all the same
  EXPECT_TRUE(in_flight.acknowledged(2, 0x97));
  EXPECT_EQ(taken->wait(0ms), "");
  EXPECT_EQ(refused->wait(0ms), "quota exceeded");
  EXPECT_TRUE(in_flight.empty());
}

TEST(InFlight, TakesTheFirstReasonOfARefusalForOne) {
  InFlight in_flight;
  const auto taken = std::make_shared<Outcome>();
  const auto refused = std::make_shared<Outcome>();
  add(in_flight, "a", taken);
  add(in_flight, "b", refused);
  sent(in_flight);
  in_flight.acknowledged(1, 0x7f);
  in_flight.acknowledged(2, 0x80);
  EXPECT_EQ(taken->wait(0ms), "");
  EXPECT_NE(refused->wait(0ms), "");
}

TEST(InFlight, SendsAgainWhatIsOpenUnderTheSameIdentifiers) {
  InFlight in_flight;
  for (const char* payload : {"a", "b", "c"}) add(in_flight, payload);
  sent(in_flight);
  add(in_flight, "d");  // not sent before the connection was lost
  in_flight.acknowledged(2, 0);
  in_flight.connected(/*session_present=*/true);
  EXPECT_THAT(sent(in_flight), ElementsAre("1:a+", "3:c+", "4:d"));
  EXPECT_TRUE(in_flight.acknowledged(1, 0));
  EXPECT_FALSE(in_flight.acknowledged(2, 0));
  EXPECT_TRUE(in_flight.acknowledged(4, 0));
  EXPECT_TRUE(in_flight.acknowledged(3, 0));
  EXPECT_TRUE(in_flight.empty());
}

TEST(InFlight, MarksWhatWasSentBeforeAlsoWhenAConnectionInBetweenSentNothing) {
  InFlight in_flight;
  add(in_flight, "a");
  sent(in_flight);
  in_flight.connected(/*session_present=*/true);  // lost again at once
  in_flight.connected(/*session_present=*/true);
  EXPECT_THAT(sent(in_flight), ElementsAre("1:a+"));
}

TEST(InFlight, SendsWhatIsToBeRetainedAsThat) {
  InFlight in_flight;
  in_flight.add("topic", "a", /*retained=*/true, nullptr);
  std::string out;
  in_flight.send_more(out, kNoLimit);
  std::string_view packet = out;
  EXPECT_TRUE(std::get<Publish>(**take_packet(packet)).retained);
}

TEST(InFlight, MarksNothingAsADuplicateForABrokerThatHasForgottenTheSession) {
  InFlight in_flight;
  add(in_flight, "a");
  sent(in_flight);
  in_flight.connected(/*session_present=*/false);
  EXPECT_THAT(sent(in_flight), ElementsAre("1:a"));
}

TEST(InFlight, KnowsWhichAcknowledgementsAreNotItsOwn) {
  InFlight in_flight;
  add(in_flight, "a");
  EXPECT_FALSE(in_flight.acknowledged(1, 0));  // not sent yet
  sent(in_flight);
  EXPECT_FALSE(in_flight.acknowledged(0, 0));
  EXPECT_FALSE(in_flight.acknowledged(2, 0));
  EXPECT_FALSE(in_flight.acknowledged(65'535, 0));
  EXPECT_TRUE(in_flight.acknowledged(1, 0));
  EXPECT_FALSE(in_flight.acknowledged(1, 0));
}

TEST(InFlight, UsesTheIdentifiersAgainFromTheFirstOn) {
  InFlight in_flight;
  for (std::size_t round = 0; round < InFlight::kMax; ++round) {
    add(in_flight, "x");
    std::string out;
    in_flight.send_more(out, kNoLimit);
    ASSERT_TRUE(in_flight.acknowledged(static_cast<PacketId>(round + 1), 0));
  }
  add(in_flight, "a");
  EXPECT_THAT(sent(in_flight), ElementsAre("1:a"));
}

TEST(InFlight, GivesEachIdentifierAgainAsOftenAsTheyComeRound) {
  InFlight in_flight;
  for (std::size_t round = 0; round < 2 * InFlight::kMax; ++round) {
    add(in_flight, "x");
    std::string out;
    in_flight.send_more(out, kNoLimit);
    ASSERT_TRUE(in_flight.acknowledged(static_cast<PacketId>(round % InFlight::kMax + 1), 0)) << round;
  }
}

TEST(InFlight, TellsThatItGivesUp) {
  InFlight in_flight;
  const auto outcome = std::make_shared<Outcome>();
  add(in_flight, "a", outcome);
  in_flight.give_up("gone");
  EXPECT_EQ(outcome->wait(0ms), "gone");
  EXPECT_TRUE(in_flight.empty());
}

}  // namespace
}  // namespace hermes::mqtt
