// What tests of projections share: a writer of the log, and questions about the tables.
#pragma once

#include <string>
#include <vector>

#include "eventstore/commands/command_handler.h"
#include "eventstore/log/event_log.h"
#include "tests/support/database.h"
#include "tests/support/log_fixture.h"

namespace hermes::test_support {

// Appends as an ingester would, through the command handler.
class LogWriter {
 public:
  explicit LogWriter(const postgres::Settings& settings);

  // One batch, one transaction. Throws std::runtime_error if the database refuses it.
  std::vector<eventstore::Handled> append(std::vector<domain::Command> commands);

  // A message from fredy to david that nobody is notified of.
  void append_in_silence(const std::string& message_id);

  // An event that no ingester of this version would write: whatever type, version and payload, unchained, at the end of its
  // stream. Nobody is notified. Returns where it is.
  eventstore::Position append_as_is(const std::string& stream, const std::string& event_type, int schema_version,
                                    const std::string& payload);

 private:
  postgres::ConnectionPtr connection_;
  eventstore::CommandHandler handler_;
};

// What the swap of a rebuild does to the table inbox, in SQL: another one of the same name and the same rows takes its place.
inline constexpr const char* kSwapOfInbox =
    "CREATE SCHEMA swap; CREATE TABLE swap.inbox (LIKE inbox INCLUDING ALL); INSERT INTO swap.inbox TABLE inbox; "
    "GRANT SELECT ON swap.inbox TO hermes_reader; DROP TABLE inbox; ALTER TABLE swap.inbox SET SCHEMA public; DROP SCHEMA swap";

// Whether somebody waits for a lock in this database.
bool somebody_waits_for_a_lock(Database& database);

// Whether every projection of this binary has folded all of the log.
bool is_caught_up(Database& database);

// A table's rows, all columns, in the order of its key: one text to compare. `schema` as in SQL.
std::string contents(Database& database, const std::string& table, const std::string& schema = "public");

// The same of all read models of all projections.
std::string contents_of_all(Database& database, const std::string& schema = "public");

// What is wrong with the read models: rows that an event should have made once, counted in SQL; and whether all tables equal a
// fold of the whole log into a schema of its own. Empty when all is well. Requires: is_caught_up(); `settings` of the owner.
std::vector<std::string> faults_of_read_models(const postgres::Settings& settings);

}  // namespace hermes::test_support
