// The load generator, and the subscribers to compare with, as processes of their own: `hermes-bench load` and `hermes-bench
// subscribe`. For the benchmarks and for tests/faults.
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <string>

#include "bench/load/load.h"
#include "tests/servers/process.h"
#include "tests/servers/temporary_folder.h"

namespace hermes::bench {

// build/<preset>/hermes, or wherever this process's program is.
std::string hermes_of_this_bench();

class LoadProcess {
 public:
  // `hermes` is the command to run. settings.witness_file is set by this class.
  LoadProcess(const std::string& hermes, const load::Settings& settings);

  // Nothing new is published from now on; what is under way is waited for.
  void stop_publishing() const { process_.kill(SIGTERM); }
  // Waits for the end of the load. Throws std::runtime_error when it fails or takes longer than `limit`.
  load::Report finish(std::chrono::milliseconds limit = std::chrono::minutes(3));

  // The acknowledged ids, one a line. Requires: finish() has returned.
  std::filesystem::path witness_file() const { return folder_ / "acknowledged"; }

 private:
  private_servers::TemporaryFolder folder_;
  private_servers::Process process_;
};

// A subscriber with the ingester's client and settings that does nothing but count, or that answers at once.
class SubscriberProcess {
 public:
  enum class Answer { nothing, acknowledgement };
  // Returns once it is subscribed. `count` 0: it goes on until it is destroyed.
  SubscriberProcess(const std::string& hermes, std::uint16_t port, Answer answer, std::uint64_t count);

  // Waits until it has counted to `count`; the time of the last message by the machine's monotonic clock (microseconds).
  std::int64_t finish(std::chrono::milliseconds limit = std::chrono::minutes(3));

 private:
  private_servers::TemporaryFolder folder_;
  private_servers::Process process_;
};

}  // namespace hermes::bench
