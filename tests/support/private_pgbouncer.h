// Debian's PgBouncer before a private PostgreSQL, on a free port of 127.0.0.1. Gone with the object, and with this process.
//
//   PrivatePgbouncer pooler(postgres, {"pool_mode = session"});
//   auto connection = postgres::connect(pooler.through(postgres.settings()));
//
// Not thread-safe.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "tests/support/servers.h"

namespace hermes::test_support {

class PrivatePgbouncer {
 public:
  static bool is_installed();

  // Starts and waits until it answers. Throws std::runtime_error with the end of its log. `settings`: of the section
  // [pgbouncer].
  PrivatePgbouncer(const PrivatePostgres& server, const std::vector<std::string>& settings);

  // The same database, by way of the pooler.
  postgres::Settings through(postgres::Settings settings) const;
  std::uint16_t port() const { return port_; }
  std::string log() { return process_->output(); }

 private:
  TemporaryFolder folder_;
  std::uint16_t port_;
  std::optional<Process> process_;
};

}  // namespace hermes::test_support
