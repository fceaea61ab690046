// What tests of the log share: a migrated database of its own for every test, commands as short sentences, and an independent
// look at the log, in SQL.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "eventstore/commands/command_handler.h"
#include "tests/support/database.h"
#include "tests/support/servers.h"

namespace hermes::test_support {

// One migrated database after another on one server, for the log can't be emptied.
class LogServer {
 public:
  explicit LogServer(PostgresOptions options = {});

  // Makes a new database with an empty log and makes it the current one.
  void new_log(int partitions = eventstore::kDefaultPartitionCount);

  // The current database, as a service role or as its owner.
  postgres::Settings settings(const std::string& role = {}) const;
  PrivatePostgres& postgres() { return postgres_; }

 private:
  PrivatePostgres postgres_;
  std::string database_;
  int count_ = 0;
};

domain::SendMessage message(std::string_view id, std::string_view sender = "fredy", std::string_view receiver = "david",
                            std::string_view content = "hello");
domain::RecordReceipt receipt(std::string_view id, domain::Status status, std::string_view user = "david");
domain::SetTyping typing(std::string_view sender, std::string_view receiver, bool is_typing);

// As it would come from the broker; every one has its own sequence.
eventstore::Incoming incoming(domain::Command command);
eventstore::Incoming malformed(std::string_view payload);
std::vector<eventstore::Incoming> batch(std::vector<domain::Command> commands);

// "appended", "duplicate", ... and for rejected ones the reason's code.
std::vector<std::string> outcomes(const std::vector<eventstore::Handled>& handled);

// What is wrong with the log, found with SQL alone: offsets with gaps, versions with gaps, heads that are not at the end, times
// that go back, parked receipts that are counted wrongly, and hashes recomputed by PostgreSQL's own sha256 and *send functions.
// Empty when all is well.
std::vector<std::string> faults_of_log(Database& database);

}  // namespace hermes::test_support
