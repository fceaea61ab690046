#include "adapters/ingest/reach_database.h"

#include <spdlog/spdlog.h>

#include "adapters/ingest/settings.h"
#include "base/back_off.h"
#include "base/printable_text.h"
#include "eventstore/schema/migrations.h"

namespace hermes::ingest {

Result<std::optional<int>, UnfitDatabase> reach_database(const postgres::Settings& settings, const StopSignal& stop) {
  BackOff back_off(kRetryFirst, kRetryLongest);
  while (!stop.requested()) {
    std::string problem;
    try {
      auto connected = postgres::connect(settings);
      if (connected) {
        if (auto migrated = eventstore::check_migrated(**connected); !migrated)
          return fail(UnfitDatabase{migrated.error().message});
        return std::optional(eventstore::read_partition_count(**connected));
      }
      problem = connected.error().message;
    } catch (const pqxx::broken_connection& error) {
      problem = escape_for_terminal(error.what());
    }
    spdlog::warn("{}", problem);
    wait_for(stop, -1, static_cast<int>(back_off.next().count()));
  }
  return std::optional<int>();
}

}  // namespace hermes::ingest
