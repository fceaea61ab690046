// The whole of Hermes on private servers: a broker, a migrated database, and the services as processes of their own, which can
// be killed, stopped and started again. For the benchmarks and for tests/faults. All of it is gone with the object.
//
// Not thread-safe.
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "tests/servers/environment.h"
#include "tests/servers/private_mosquitto.h"
#include "tests/servers/private_postgres.h"
#include "tests/servers/process.h"
#include "tests/servers/temporary_folder.h"

namespace hermes::bench {

struct StackOptions {
  bool fsync = false;  // of PostgreSQL; benchmarks: true
  std::vector<std::string> postgres_settings{};
  // The cluster has written as much of its log (WAL) as it keeps, and writes over old files of it, as one that has been in use
  // does. A new one makes each file first, and all commits wait meanwhile (16 MB and an fsync; PostgreSQL manual, "WAL
  // Configuration").
  bool recycled_wal = false;
  private_servers::MosquittoOptions mosquitto{};
  private_servers::Environment environment{};  // of every service
};

// For what is measured: broker and database as run_chat.sh starts them and docs/running.md advises, in use for a while.
StackOptions as_deployed();

// One service: `hermes ingest` or `hermes project`, on an HTTP port of its own.
class Service {
 public:
  Service(std::vector<std::string> command, private_servers::Environment environment, std::filesystem::path log);

  void start();       // returns at once. Requires: not running
  void wait_ready();  // until /readyz says so. Throws std::runtime_error with the end of its log after a minute
  bool ready() const;
  bool running();
  void signal(int signal) const { process_->kill(signal); }
  void kill();                // SIGKILL, and gone
  std::optional<int> stop();  // SIGTERM; its exit code
  pid_t pid() const { return process_->pid(); }

  // A sample of /metrics by its name and labels as they are printed, or the sum over labels when there are several.
  std::optional<double> metric(const std::string& name) const;
  std::uint16_t http_port() const { return http_port_; }
  const std::filesystem::path& log() const { return log_; }

 private:
  std::vector<std::string> command_;
  private_servers::Environment environment_;
  std::filesystem::path log_;
  std::uint16_t http_port_;
  std::optional<private_servers::Process> process_;
};

class Stack {
 public:
  // Starts broker and database and migrates; starts no service. `hermes` is the command to run.
  explicit Stack(std::string hermes, StackOptions options = {});

  private_servers::PrivatePostgres& postgres() { return postgres_; }
  private_servers::PrivateMosquitto& mosquitto() { return mosquitto_; }
  const std::string& hermes() const { return hermes_; }

  // Not started. `name` tells several apart: each ingester has its own spool and client id.
  Service ingester(const std::string& name = "ingester", const private_servers::Environment& more = {});
  Service projector(const std::string& name = "projector", const private_servers::Environment& more = {});

  std::filesystem::path folder() const { return folder_.path(); }
  std::filesystem::path spool_folder(const std::string& name = "ingester") const { return folder_ / name / "spool"; }
  private_servers::Environment environment() const;

 private:
  Service service(const std::string& subcommand, const std::string& name, const private_servers::Environment& more);

  std::string hermes_;
  StackOptions options_;
  private_servers::TemporaryFolder folder_;
  private_servers::PrivatePostgres postgres_;
  private_servers::PrivateMosquitto mosquitto_;
};

}  // namespace hermes::bench
