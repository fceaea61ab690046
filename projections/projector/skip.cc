#include "projections/projector/skip.h"

#include "projections/projector/leases.h"

namespace hermes::projections {

Result<Skipped, std::string> skip_event(postgres::Connection& connection, std::string_view projection,
                                        eventstore::Position position, std::string_view reason) {
  pqxx::work transaction(connection);
  const pqxx::result stuck = transaction.exec_params(
      "SELECT projection, stream_id, event_type FROM projection_stuck "
      "WHERE partition = $1 AND \"offset\" = $2 AND ($3 = '' OR projection = $3) FOR UPDATE",
      position.partition, position.offset, std::string(projection));
  const std::string where = eventstore::to_string(position);
  if (stuck.empty()) {
    return fail((projection.empty() ? "no projection is" : std::string(projection) + " is not") + " stuck at " + where +
                ", and only an event that stops a projection can be skipped. See: hermes status");
  }
  if (stuck.size() > 1) return fail("several projections are stuck at " + where + ": name one");
  Skipped skipped{stuck[0][0].c_str(), stuck[0][1].c_str(), stuck[0][2].c_str()};
  transaction.exec_params(
      "INSERT INTO projection_skips (projection, partition, \"offset\", reason) VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING",
      skipped.projection, position.partition, position.offset, std::string(reason));
  transaction.exec_params("SELECT pg_notify($1, $2)", std::string(kProjectorsChannel), skipped.projection);
  transaction.commit();
  return skipped;
}

}  // namespace hermes::projections
