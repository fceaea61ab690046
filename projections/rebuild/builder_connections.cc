#include "projections/rebuild/builder_connections.h"

namespace hermes::projections {

postgres::ConnectionPtr connect_builder(const postgres::Settings& settings, const std::string& schema) {
  postgres::Settings builder = settings;
  builder.role.clear();
  builder.application_name = "hermes rebuild";
  auto connection = postgres::connect(builder);
  if (!connection) throw pqxx::broken_connection(connection.error().message);
  pqxx::work transaction(**connection);
  // A build can be made again: no waiting for the disk.
  transaction.exec("SET synchronous_commit = off");
  // When this process is killed, a long statement of its session ends too (PostgreSQL 14 and later).
  if ((*connection)->server_version() >= 140000) transaction.exec("SET client_connection_check_interval = '1s'");
  transaction.exec("SET maintenance_work_mem = '256MB'");
  transaction.exec("SET max_parallel_maintenance_workers = 0");  // the connections are what is parallel
  transaction.exec("SET jit = off");  // compiling the check of a foreign key takes longer than the check
  if (!schema.empty()) {
    transaction.exec("SELECT set_config('search_path', " + transaction.quote((*connection)->quote_name(schema)) +
                     " || ', ' || current_setting('search_path'), false)");
  }
  transaction.commit();
  return std::move(*connection);
}

std::vector<postgres::ConnectionPtr> connect_builders(const postgres::Settings& settings, const std::string& schema,
                                                      int count) {
  std::vector<postgres::ConnectionPtr> connections;
  for (int i = 0; i < count; ++i) connections.push_back(connect_builder(settings, schema));
  return connections;
}

}  // namespace hermes::projections
