#include "projections/rebuild/parallel_fold.h"
#include "projections/rebuild/rebuild.h"
#include "projections/rebuild/rebuild_steps.h"

namespace hermes::projections {
namespace {

std::string comment_of(postgres::Connection& connection, const std::string& schema) {
  pqxx::nontransaction query(connection);
  const pqxx::result found = query.exec_params(
      "SELECT coalesce(obj_description(oid, 'pg_namespace'), '') FROM pg_namespace WHERE nspname = $1", schema);
  return found.empty() ? "" : found[0][0].as<std::string>();
}

void set_comment(postgres::Connection& connection, const std::string& schema, std::string_view comment) {
  pqxx::nontransaction query(connection);
  query.exec("COMMENT ON SCHEMA " + connection.quote_name(schema) + " IS " + query.quote(std::string(comment)));
}

// Who may read the tables must be able to reach them.
void grant_usage(postgres::Connection& connection, const std::string& schema) {
  pqxx::nontransaction query(connection);
  query.exec("GRANT USAGE ON SCHEMA " + connection.quote_name(schema) + " TO hermes_reader");
}

}  // namespace

Result<RebuildReport, RebuildError> fold_into(const FoldInto& request, const RebuildSettings& settings,
                                              const OnProgress& on_progress) {
  const auto start = std::chrono::steady_clock::now();
  const BuildLock lock(settings.postgres, "schema " + request.schema);
  if (!lock.held())
    return fail(RebuildError{RebuildError::Kind::busy, "schema " + request.schema + " is being built already" + lock.holder()});
  on_progress(progress_of(Phase::prepare));
  postgres::ConnectionPtr connection = connect_builder(settings.postgres, "");
  if (schema_exists(*connection, request.schema) && comment_of(*connection, request.schema) != kUnfinished) {
    return fail(
        RebuildError{RebuildError::Kind::exists, "schema " + request.schema + " exists. Take another name, or drop it first"});
  }
  make_schema(*connection, request.schema);

  std::vector<eventstore::PartitionRange> ranges;
  for (std::size_t i = 0; i < request.ends.size(); ++i) {
    if (request.ends[i] > 0) ranges.push_back({static_cast<eventstore::Partition>(i), 0, request.ends[i]});
  }
  RebuildReport report;
  try {
    for (const Projection* projection : request.projections) {
      const Built built = build_tables(*projection, request.schema, ranges, settings, of_projection(on_progress, *projection));
      report.load += built.load;
      report.index += built.index;
    }
  } catch (const FoldStopped& stopped) {
    drop_schema(*connection, request.schema);
    return fail(RebuildError{RebuildError::Kind::stopped, stopped.what()});
  }
  grant_usage(*connection, request.schema);
  set_comment(*connection, request.schema, request.comment);
  report.events = event_count(ranges);
  report.total = since(start);
  return report;
}

void drop_fold(const RebuildSettings& settings, const std::string& schema) {
  const postgres::ConnectionPtr connection = connect_builder(settings.postgres, "");
  drop_schema(*connection, schema);
}

}  // namespace hermes::projections
