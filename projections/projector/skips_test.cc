#include "projections/projector/skips.h"

#include <gmock/gmock.h>

namespace hermes::projections {
namespace {

using eventstore::PartitionRange;
using eventstore::Position;
using testing::ElementsAre;
using testing::FieldsAre;
using testing::IsEmpty;

eventstore::RecordedEvent event_at(Position position) {
  const auto user = *domain::UserId::parse("fredy");
  return {.position = position,
          .stream_id = "typing/fredy/fredy",
          .actor_id = "fredy",
          .occurred_at = {},
          .recorded_at = {},
          .received_at = {},
          .event = domain::TypingStopped{user, user}};
}

// Partition 1 was read as a whole, partition 2 up to an event that cannot be read.
eventstore::RangesRead read_of_two_partitions() {
  eventstore::RangesRead read;
  read.read = {{1, 0, 10}, {2, 0, 5}};
  for (const Position position : {Position{1, 3}, Position{1, 4}, Position{2, 3}, Position{2, 4}})
    read.events.push_back(event_at(position));
  read.unreadable.push_back({});
  read.unreadable.back().position = {2, 5};
  return read;
}

std::vector<Position> positions(const eventstore::RangesRead& read) {
  std::vector<Position> positions;
  for (const auto& event : read.events) positions.push_back(event.position);
  return positions;
}

TEST(Skips, LeaveOutTheEventAtTheirPositionAndNoOther) {
  eventstore::RangesRead read = read_of_two_partitions();
  leave_out_skipped(read, {{1, 4}, {2, 3}, {3, 3}});
  EXPECT_THAT(positions(read), ElementsAre(Position{1, 3}, Position{2, 4}));
  EXPECT_THAT(read.read, ElementsAre(FieldsAre(1, 0, 10), FieldsAre(2, 0, 5)));
}

TEST(Skips, OfAnEventThatCannotBeReadLetItsRangeEndBehindIt) {
  eventstore::RangesRead read = read_of_two_partitions();
  leave_out_skipped(read, {{2, 5}});
  EXPECT_THAT(read.unreadable, IsEmpty());
  EXPECT_THAT(read.read, ElementsAre(FieldsAre(1, 0, 10), FieldsAre(2, 0, 6)));
  EXPECT_EQ(positions(read).size(), 4u);
}

TEST(Skips, LeaveAnotherUnreadableEventToStopTheFold) {
  eventstore::RangesRead read = read_of_two_partitions();
  leave_out_skipped(read, {{1, 5}, {2, 4}});
  ASSERT_EQ(read.unreadable.size(), 1u);
  EXPECT_EQ(read.unreadable.front().position, (Position{2, 5}));
  EXPECT_THAT(read.read, ElementsAre(FieldsAre(1, 0, 10), FieldsAre(2, 0, 5)));
}

}  // namespace
}  // namespace hermes::projections
