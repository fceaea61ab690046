// The recorded way past an event that stops a partition of a projection.
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"
#include "eventstore/log/event_log.h"
#include "eventstore/postgres/connection.h"

namespace hermes::projections {

struct Skipped {
  std::string projection;
  std::string stream_id;
  std::string event_type;
};

// Tells the projection to leave out the event at which it is stuck, now and in every rebuild, and wakes its projectors. An
// empty name means whichever projection is stuck there. Fails with one line if none is, or several are. Requires: the owner of
// the tables, no open transaction.
Result<Skipped, std::string> skip_event(postgres::Connection& connection, std::string_view projection,
                                        eventstore::Position position, std::string_view reason);

}  // namespace hermes::projections
