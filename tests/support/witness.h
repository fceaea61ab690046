// The outside witness of the fault tests: a publisher in a process of its own that sends each message until it sees its
// acknowledgement, and writes down what was acknowledged; and SQL that looks for every one of those in the tables.
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <ostream>

#include "bench/load/load_process.h"
#include "bench/stack.h"
#include "tests/support/database.h"

namespace hermes::test_support {

class Witness {
 public:
  // Publishes `per_second` messages, or as many as are acknowledged if that is less, until finish().
  // What is not acknowledged is sent again every `again`: in a long outage that is what fills the broker.
  Witness(bench::Stack& stack, double per_second, std::chrono::milliseconds again = std::chrono::seconds(2));

  struct Testimony {
    load::Report report;
    std::filesystem::path acknowledged_ids;  // one a line; as long as the Witness lives
  };
  // Publishes nothing new, waits until everything is acknowledged (or nothing has been for two minutes), and tells.
  Testimony finish();

 private:
  bench::LoadProcess process_;
};

// What the tables hold of what was acknowledged. All zero but `acknowledged` is what must come out.
struct Account {
  std::int64_t acknowledged = 0;
  std::int64_t missing_in_log = 0;    // without MessageSent and MessageReceived
  std::int64_t doubled_in_log = 0;    // messages, of all there are, with more events than these two
  std::int64_t missing_in_chat = 0;   // without their row in chat_messages
  std::int64_t missing_statuses = 0;  // rows of message_status short of two for each
  std::int64_t doubled_statuses = 0;  // messages, of all, with more than two
  std::int64_t rejected = 0;          // rows of rejected_events: the load holds nothing to reject
};
// Requires: read models that are up to date.
Account account_of(Database& database, const std::filesystem::path& acknowledged_ids);
std::ostream& operator<<(std::ostream& out, const Account& account);
inline bool nothing_lost_or_doubled(const Account& account) {
  return account.acknowledged > 0 && account.missing_in_log == 0 && account.doubled_in_log == 0 &&
         account.missing_in_chat == 0 && account.missing_statuses == 0 && account.doubled_statuses == 0 &&
         account.rejected == 0;
}

// Waits until the read models have all of the log; throws std::runtime_error after two minutes. Requires: a projector that
// runs.
void wait_until_projected(Database& database);

// Runs a projector until then, and ends it.
void project_everything(bench::Stack& stack, Database& database);

// HERMES_FAULTS_RATE, messages a second (5000).
double faults_rate();

}  // namespace hermes::test_support
