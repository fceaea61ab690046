#include "bench/peers/scripts.h"

#include <filesystem>
#include <stdexcept>
#include <thread>

#include "bench/bench.h"

namespace hermes::bench {
namespace {

using private_servers::Environment;
using private_servers::Finished;
using private_servers::Process;
using private_servers::TemporaryFolder;

constexpr std::chrono::minutes kInstallLimit{5};
constexpr std::chrono::minutes kRunLimit{10};
constexpr std::chrono::seconds kSubscribeLimit{30};
constexpr std::chrono::milliseconds kPoll{10};

}  // namespace

Result<PeerScripts, std::string> PeerScripts::install() {
  const std::filesystem::path source = HERMES_PEERS_DIR;
  if (!std::filesystem::exists(source / "package-lock.json")) return fail("there are no scripts in " + source.string());
  TemporaryFolder folder("hermes-peers");
  for (const char* file : {"package.json", "package-lock.json", ".npmrc", "stores.mjs", "subscriber.mjs"})
    std::filesystem::copy_file(source / file, folder / file);
  if (private_servers::run({"npm", "--version"}).exit_code != 0) return fail(std::string("there is no npm"));
  const Finished installed =
      private_servers::run({"npm", "--prefix", folder.path().string(), "ci", "--silent"}, {}, {}, kInstallLimit);
  if (installed.exit_code != 0)
    return fail("npm cannot install the peers (is there a network?) " + last_line(installed.output + installed.errors));
  return PeerScripts(std::move(folder));
}

Environment PeerScripts::environment_of(const postgres::Settings& database) const {
  return {{"PGHOST", database.host},
          {"PGPORT", std::to_string(database.ports.front())},
          {"PGDATABASE", database.database},
          {"PGUSER", database.user},
          {"PGPASSWORD", database.password}};
}

std::string PeerScripts::run_store(const postgres::Settings& database, std::vector<std::string> arguments) const {
  arguments.insert(arguments.begin(), {"node", (folder_ / "stores.mjs").string()});
  Finished finished = private_servers::run(arguments, environment_of(database), {}, kRunLimit);
  if (finished.exit_code != 0) throw std::runtime_error(arguments[2] + " " + arguments[3] + " failed:\n" + finished.errors);
  return std::move(finished.output);
}

Process PeerScripts::start_subscriber(const postgres::Settings& database, std::uint16_t broker, int connections) const {
  const std::filesystem::path output = folder_ / "subscriber.log";
  std::filesystem::remove(output);
  Process process =
      Process::start({"node", (folder_ / "subscriber.mjs").string(), std::to_string(broker), std::to_string(connections)},
                     {.environment = environment_of(database), .output = output});
  const auto limit = std::chrono::steady_clock::now() + kSubscribeLimit;
  while (process.output().find("subscribed") == std::string::npos) {
    if (!process.running() || std::chrono::steady_clock::now() > limit)
      throw std::runtime_error("the plain subscriber does not start:\n" + process.output());
    std::this_thread::sleep_for(kPoll);
  }
  return process;
}

}  // namespace hermes::bench
