// The peers' programs: what package-lock.json of bench/peers names, installed by npm into a temporary folder, and the scripts
// that use it.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/result.h"
#include "eventstore/postgres/connection.h"
#include "tests/servers/process.h"
#include "tests/servers/temporary_folder.h"

namespace hermes::bench {

class PeerScripts {
 public:
  // Fails with one line, the reason to leave the peers out: no npm, no network, no scripts beside this program's source.
  static Result<PeerScripts, std::string> install();

  // stores.mjs, to its end; what it printed. Throws std::runtime_error.
  std::string run_store(const postgres::Settings& database, std::vector<std::string> arguments) const;

  // subscriber.mjs, once it is subscribed. Throws std::runtime_error.
  private_servers::Process start_subscriber(const postgres::Settings& database, std::uint16_t broker, int connections) const;

 private:
  explicit PeerScripts(private_servers::TemporaryFolder folder) : folder_(std::move(folder)) {}
  private_servers::Environment environment_of(const postgres::Settings& database) const;

  private_servers::TemporaryFolder folder_;
};

}  // namespace hermes::bench
