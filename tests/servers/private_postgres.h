// A PostgreSQL cluster of one's own: a copy of a template that is made once per machine (kept in the temporary folder, by
// PostgreSQL version and user), on a free port of 127.0.0.1 and a Unix socket in its folder. What else runs on this machine
// does not matter to it. It is gone with the object, and with this process.
//
// Started by root it runs as the system user `postgres`, since PostgreSQL refuses root.
//
//   PrivatePostgres postgres;
//   auto connection = postgres::connect(postgres.settings());
//
// Not thread-safe.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "eventstore/postgres/connection.h"
#include "tests/servers/process.h"
#include "tests/servers/temporary_folder.h"

namespace hermes::private_servers {

struct PostgresOptions {
  // Whether commits wait for the disk. A killed process loses nothing either way; only a power cut would. Benchmarks: true.
  bool fsync = false;
  std::vector<std::string> settings{};  // more of postgresql.conf: "max_connections=20"
};

class PrivatePostgres {
 public:
  enum class Stop { smart, fast, immediate };  // PostgreSQL manual, "Shutting Down the Server"

  // Starts and waits until it answers. Throws std::runtime_error with the end of the server's log.
  explicit PrivatePostgres(PostgresOptions options = {});
  // A hot standby by streaming replication (pg_basebackup), called `name` in the primary's synchronous_standby_names. Requires:
  // the primary runs.
  static std::unique_ptr<PrivatePostgres> standby_of(const PrivatePostgres& primary, const std::string& name);
  ~PrivatePostgres();
  PrivatePostgres(const PrivatePostgres&) = delete;

  // Database "public", owned by "dbowner", who may create roles and is no superuser: what Hermes runs as. By password.
  postgres::Settings settings() const;
  // The same database as the superuser "postgres".
  postgres::Settings superuser() const;

  std::uint16_t port() const { return port_; }
  std::filesystem::path socket_folder() const { return folder_.path(); }
  std::filesystem::path data_folder() const { return folder_ / "data"; }
  std::filesystem::path log_file() const { return folder_ / "postgres.log"; }
  pid_t pid() const;  // of the postmaster; Requires: running

  void stop(Stop how = Stop::fast);
  void kill();   // SIGKILL to the postmaster; its children follow
  void start();  // on the same port and data. Requires: stopped or killed
  void restart(Stop how = Stop::fast);

  // Takes effect at the next start.
  void add_setting(const std::string& setting) { options_.settings.push_back(setting); }

 private:
  PrivatePostgres(PostgresOptions options, const std::function<void(const std::filesystem::path&)>& make_data_folder);
  void wait_for_children() const;
  void remove_shared_memory() const;

  PostgresOptions options_;
  TemporaryFolder folder_;
  std::uint16_t port_;
  std::optional<Process> process_;
};

}  // namespace hermes::private_servers
