#include "bench/benchmarks/migrated_database.h"

#include <stdexcept>

#include "eventstore/schema/migrations.h"

namespace hermes::bench {
namespace {

// Room enough that checkpoints come by time, not by size, and that the load is not all of the cache.
std::vector<std::string> with_room(std::vector<std::string> settings) {
  settings.insert(settings.begin(), {"max_wal_size=4GB", "shared_buffers=512MB"});
  return settings;
}

}  // namespace

MigratedDatabase::MigratedDatabase(std::vector<std::string> server_settings)
    : server_({.fsync = true, .settings = with_room(std::move(server_settings))}) {
  const postgres::ConnectionPtr owner = connect();
  auto migrated = eventstore::migrate(*owner);
  if (!migrated) throw std::runtime_error(migrated.error().message);
}

postgres::Settings MigratedDatabase::settings(const std::string& role) const {
  postgres::Settings settings = server_.settings();
  settings.role = role;
  return settings;
}

postgres::ConnectionPtr MigratedDatabase::connect(const std::string& role) const {
  auto connection = postgres::connect(settings(role));
  if (!connection) throw std::runtime_error(connection.error().message);
  return *std::move(connection);
}

}  // namespace hermes::bench
