#include "adapters/mqtt/waiting_pubacks.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <vector>

namespace hermes::mqtt {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

using Clock = WaitingPubacks::Clock;
constexpr Clock::time_point kNow = Clock::time_point() + std::chrono::hours(1);

constexpr std::chrono::seconds kLongest{1};

std::vector<int> ids(std::string_view packets) {
  std::vector<int> found;
  while (!packets.empty()) found.push_back(std::get<Puback>(**take_packet(packets)).packet_id);
  return found;
}

std::vector<int> taken(WaitingPubacks& pubacks, std::size_t room, Clock::time_point now = kNow) {
  std::string out;
  pubacks.take(out, room, now);
  return ids(out);
}

TEST(WaitingPubacks, GoInOrderAsThereIsRoom) {
  WaitingPubacks pubacks(kLongest);
  for (PacketId id : {7, 3, 5}) pubacks.add(id, kNow);
  EXPECT_THAT(taken(pubacks, 0), IsEmpty());
  EXPECT_THAT(taken(pubacks, 2), ElementsAre(7, 3));
  EXPECT_THAT(taken(pubacks, 2), ElementsAre(5));
  EXPECT_THAT(taken(pubacks, 2), IsEmpty());
}

TEST(WaitingPubacks, GoWithoutRoomOnceTheyWaitedForLong) {
  WaitingPubacks pubacks(kLongest);
  pubacks.add(1, kNow);
  pubacks.add(2, kNow + std::chrono::milliseconds(1));
  EXPECT_EQ(pubacks.due(), kNow + kLongest);
  EXPECT_THAT(taken(pubacks, 0, kNow + kLongest), ElementsAre(1));
  EXPECT_EQ(pubacks.due(), kNow + std::chrono::milliseconds(1) + kLongest);
}

TEST(WaitingPubacks, AllGoAtTheEndOfAConnectionAndNoneOnTheNext) {
  WaitingPubacks pubacks(kLongest);
  pubacks.add(1, kNow);
  pubacks.add(2, kNow);
  std::string out;
  pubacks.take_all(out);
  EXPECT_THAT(ids(out), ElementsAre(1, 2));
  pubacks.add(3, kNow);
  pubacks.clear();
  EXPECT_THAT(taken(pubacks, 1), IsEmpty());
  EXPECT_EQ(pubacks.due(), Clock::time_point::max());
}

}  // namespace
}  // namespace hermes::mqtt
