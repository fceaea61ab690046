#include <algorithm>
#include <chrono>
#include <map>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "base/host_and_port.h"
#include "eventstore/schema/access.h"
#include "eventstore/schema/migrations.h"
#include "tools/cli/command_error.h"
#include "tools/cli/output.h"
#include "tools/doctor/doctor_checks.h"
#include "tools/status/system_status.h"

namespace hermes::tools {
namespace {

using Level = Check::Level;
using projections::SystemStatus;

constexpr int kVersionWanted = 150'000;
// A projection that is further behind than this is late.
constexpr std::chrono::seconds kLagMax{60};

std::string first_line(std::string_view text) { return escape_for_terminal(text.substr(0, text.find('\n'))); }

std::string value(postgres::Connection& connection, const std::string& sql) {
  pqxx::nontransaction transaction(connection);
  return transaction.exec1(sql)[0].c_str();
}

bool is_local(const std::string& host) { return host.starts_with('/') || is_loopback(host); }

Check check_version(postgres::Connection& connection, const std::string& where) {
  const std::string version = "PostgreSQL " + value(connection, "SHOW server_version") + " at " + where;
  if (connection.server_version() >= kVersionWanted) return {"database", Level::ok, version};
  return {"database", Level::warn, version + " is older than 15: nobody has tried Hermes on it", "use PostgreSQL 15 or later"};
}

Check check_encoding(postgres::Connection& connection) {
  const std::string encoding = value(connection, "SHOW server_encoding");
  if (encoding == eventstore::kEncoding) return {"encoding", Level::ok, encoding};
  return {"encoding", Level::fail, encoding + ": text that it can't hold stops the projections",
          std::string("take the log to a database made by ") + eventstore::kMakeDatabase};
}

// A library orders text indexes. Another version of it may order differently, and then searches miss rows.
Check check_collation(postgres::Connection& connection) {
  if (connection.server_version() < kVersionWanted) return {"collation", Level::skipped, "known from PostgreSQL 15 on"};
  pqxx::nontransaction transaction(connection);
  const pqxx::result changed = transaction.exec(
      "SELECT format('DATABASE %I', datname), datcollversion, pg_database_collation_actual_version(oid) FROM pg_database "
      "WHERE datname = current_database() AND datcollversion <> pg_database_collation_actual_version(oid) "
      "UNION ALL SELECT DISTINCT format('COLLATION %I.%I', nspname, collname), collversion, "
      "pg_collation_actual_version(coll.oid) "
      "FROM pg_collation coll JOIN pg_namespace namespace ON namespace.oid = collnamespace "
      "JOIN pg_attribute ON attcollation = coll.oid JOIN pg_class ON pg_class.oid = attrelid "
      "WHERE relnamespace = current_schema()::regnamespace AND collversion <> pg_collation_actual_version(coll.oid)");
  if (changed.empty()) return {"collation", Level::ok, "of the version that the indexes were made with"};
  const std::string what = changed[0][0].as<std::string>();
  return {"collation", Level::warn,
          what + " is of version " + changed[0][1].as<std::string>() + " and the library of " +
              changed[0][2].as<std::string>() + ": indexes over text may not find what is there",
          "stop the services, then REINDEX DATABASE " +
              transaction.exec1("SELECT quote_ident(current_database())")[0].as<std::string>() + "; ALTER " + what +
              " REFRESH " + (what.starts_with("DATABASE") ? "COLLATION " : "") + "VERSION"};
}

// Checks that the login can become each service role, and that each role has its rights.
Check check_roles(postgres::Connection& connection, const std::string& user) {
  pqxx::work transaction(connection);
  std::string missing;
  std::string forbidden;
  std::vector<std::string> to_grant;
  bool migrate_helps = true;
  for (const eventstore::RoleProblem& problem : eventstore::role_problems(transaction)) {
    std::string& list = problem.missing ? missing : forbidden;
    list += (list.empty() ? "" : ", ") + problem.role;
    if (!problem.missing) to_grant.push_back(problem.role);
    migrate_helps = migrate_helps && problem.mends_self;
  }
  if (!missing.empty()) return {"roles", Level::fail, "missing: " + missing, "hermes migrate"};
  if (!forbidden.empty()) {
    return {"roles", Level::fail, user + " may not act as " + forbidden,
            migrate_helps ? "hermes migrate" : "as a superuser: " + eventstore::grant_statement(connection, to_grant, user)};
  }
  if (const auto grants = eventstore::missing_grants(transaction); !grants.empty()) {
    const std::string more = grants.size() == 1 ? "" : " and " + std::to_string(grants.size() - 1) + " more";
    return {"roles", Level::fail, "missing: " + grants.front().told + more, "hermes migrate"};
  }
  return {"roles", Level::ok, user + " may act as hermes_ingester, hermes_projector and hermes_reader"};
}

Check check_migrations(postgres::Connection& connection) {
  auto checked = eventstore::check_migrated(connection);
  if (checked) {
    return {"migrations", Level::ok,
            "all " + std::to_string(eventstore::embedded_migrations().size()) + " of this version are applied"};
  }
  const auto& [kind, problem] = checked.error();
  if (kind != eventstore::MigrationError::Kind::refused) return {"migrations", Level::fail, problem};  // which says what to do
  return {"migrations", Level::fail, problem,
          "mend the line roles first; if it is well, run hermes migrate as the owner of the database"};
}

Check check_partitions(postgres::Connection& connection) {
  try {
    return {"partitions", Level::ok, std::to_string(eventstore::read_partition_count(connection)) + ", each with its head"};
  } catch (const std::runtime_error& error) {
    return {"partitions", Level::fail, first_line(error.what()), "restore the log from a backup, and run hermes verify"};
  }
}

// Logical replication copies rows, but does not advance sequences. Ingesters repair that when it stops them; this check finds
// it before.
Check check_sequences(postgres::Connection& connection) {
  std::string behind;
  for (const std::string table : {"rejected_events", "parked_events"}) {
    const std::string sequence = value(connection, "SELECT pg_get_serial_sequence('" + table + "', 'id')");
    if (value(connection, "SELECT has_sequence_privilege('" + sequence + "', 'SELECT')") != "t") {
      return {"sequences", Level::skipped, "this user may not look at them"};
    }
    const bool is_behind = value(connection, "SELECT (SELECT coalesce(max(id), 0) FROM " + table +
                                                 ") > (SELECT CASE WHEN is_called THEN last_value ELSE "
                                                 "last_value - 1 END FROM " +
                                                 sequence + ")") == "t";
    if (is_behind) behind += (behind.empty() ? "" : ", ") + table;
  }
  if (behind.empty()) return {"sequences", Level::ok, "past all that is numbered"};
  return {"sequences", Level::fail, "behind the ids that are taken in " + behind + ", as logical replication leaves them",
          "SELECT hermes_mend_sequences()"};
}

// A commit that the database has confirmed must survive a power loss; otherwise "acknowledged" means nothing.
Check check_durability(postgres::Connection& connection) {
  std::string off;
  // For synchronous_commit see eventstore/postgres/session.cc: our sessions switch it on themselves.
  for (const char* setting : {"fsync", "full_page_writes"}) {
    if (value(connection, std::string("SELECT current_setting('") + setting + "')") == "off")
      off += std::string(off.empty() ? "" : ", ") + setting;
  }
  if (off.empty()) return {"durability", Level::ok, "fsync and full_page_writes are on, and commits wait for them"};
  return {"durability", Level::fail, off + " off: a power cut loses or corrupts what was acknowledged",
          "switch on in postgresql.conf, then SELECT pg_reload_conf()"};
}

Check check_wal(postgres::Connection& connection) {
  const auto bytes = [&](const std::string& setting) {
    return std::stoull(value(connection, "SELECT pg_size_bytes(current_setting('" + setting + "'))"));
  };
  return judge_wal(bytes("min_wal_size"), bytes("max_wal_size"));
}

// A server that has just been given an archive has not used it yet: nothing is said against it.
Check check_archiving(postgres::Connection& connection) {
  pqxx::nontransaction transaction(connection);
  const std::string mode = transaction.exec1("SHOW archive_mode")[0].c_str();
  const std::string command = transaction.exec1("SHOW archive_command")[0].c_str();
  const pqxx::row library = transaction.exec1("SELECT coalesce(current_setting('archive_library', true), '')");  // from 15 on
  const pqxx::row state = transaction.exec1(
      "SELECT CASE WHEN last_failed_time > coalesce(last_archived_time, '-infinity') THEN last_failed_wal ELSE '' END,"
      " (extract(epoch FROM clock_timestamp() - last_archived_time) * 1000000)::bigint FROM pg_stat_archiver");
  Archiving archiving;
  const bool has_library = *library[0].c_str() != '\0';
  if (mode == "off") {
    archiving.off_because = "archive_mode is off";
  } else if (!has_library && command.empty()) {
    archiving.off_because = "archive_command is empty";
  } else if (!has_library && (command == "true" || command == "/bin/true" || command == ":")) {
    archiving.off_because = "archive_command is " + command;
  }
  archiving.failing_file = state[0].c_str();
  if (!state[1].is_null()) archiving.last_archived_ago = std::chrono::microseconds(state[1].as<std::int64_t>());
  return judge_archiving(archiving);
}

// On a database without writes everything can be read, and the services' last heartbeats look well for a while; but nothing is
// appended.
Check check_writes(postgres::Connection& connection) {
  if (value(connection, "SELECT pg_is_in_recovery()") == "t") {
    return {"writes", Level::fail, "the server is a standby, which takes none",
            "promote it, or name its primary too: POSTGRES_HOST=db1,db2"};
  }
  if (value(connection, "SHOW transaction_read_only") == "on") {
    return {"writes", Level::fail, "refused: default_transaction_read_only is on",
            "ALTER DATABASE, ALTER ROLE or ALTER SYSTEM ... RESET default_transaction_read_only, whichever set it"};
  }
  return {"writes", Level::ok, "taken"};
}

Check check_key_privilege(postgres::Connection& connection) {
  const bool known = connection.server_version() >= kVersionWanted;
  if (known &&
      value(connection, "SELECT has_parameter_privilege('hermes_projector', 'session_replication_role', 'SET')") == "t") {
    return {"foreign keys", Level::ok, "checked once a batch"};
  }
  return {"foreign keys", Level::warn,
          "hermes_projector may not set session_replication_role: keys are checked row by row, projectors are slower",
          !known ? "use PostgreSQL 15 or later"
          : value(connection, "SELECT has_parameter_privilege('session_replication_role', 'SET WITH GRANT OPTION')") == "t"
              ? "hermes migrate"
              : "as a superuser: GRANT SET ON PARAMETER session_replication_role TO hermes_projector"};
}

Check check_clock(postgres::Connection& connection) {
  using std::chrono::microseconds;
  const auto local = [] {
    return std::chrono::duration_cast<microseconds>(std::chrono::system_clock::now().time_since_epoch());
  };
  microseconds best_ahead{0};
  microseconds best_uncertainty = microseconds::max();
  // The quickest answer is the most exact.
  for (int attempt = 0; attempt < 3; ++attempt) {
    const microseconds before = local();
    const microseconds theirs{
        std::stoll(value(connection, "SELECT (extract(epoch FROM clock_timestamp()) * 1000000)::bigint"))};
    const microseconds after = local();
    const microseconds uncertainty = (after - before) / 2;
    if (uncertainty >= best_uncertainty) continue;
    best_uncertainty = uncertainty;
    best_ahead = theirs - (before + uncertainty);
  }
  return judge_clock(best_ahead, best_uncertainty);
}

// The server tells its data folder only to roles that may read all settings; otherwise the settings file shows the cluster that
// run_chat.sh made.
Check check_data_disk(postgres::Connection& connection, const Settings& settings) {
  std::string folder;
  if (is_local(settings.postgres.host)) {
    try {
      folder = value(connection, "SHOW data_directory");
    } catch (const pqxx::insufficient_privilege&) {
      for (const std::filesystem::path path : settings.config_files) {
        if (path.filename() == "env") folder = path.parent_path() / "postgres";
      }
    }
  }
  std::error_code error;
  const auto space = std::filesystem::space(folder, error);
  if (folder.empty() || error) {
    return {"data disk", Level::skipped, "the server does not tell this user, or is not on this machine: look with df there"};
  }
  return judge_disk("data disk", folder, space.available, 0,
                    "make room on the disk of the database, or move it to a larger one");
}

Check check_services(const SystemStatus& status) {
  std::map<std::string, int> live{{"ingester", 0}, {"projector", 0}};
  for (const auto& service : status.services) {
    if (!service.live) continue;
    ++live[service.service];
    if (service.state == "degraded" && !projections::is_told_by_projections(service, status)) {
      return {"services", Level::fail,
              first_line(service.service + " " + service.instance + " is degraded: " + service.problem), "hermes status"};
    }
  }
  std::string finding;
  for (const auto& [name, count] : live) {
    finding += (finding.empty() ? "" : ", ") + std::to_string(count) + " " + name + (name == "query" ? " service" : "") +
               (count == 1 ? "" : "s");
  }
  if (live["ingester"] == 0) return {"services", Level::warn, finding + ": what is published is not stored", "hermes ingest"};
  if (live["projector"] == 0)
    return {"services", Level::warn, finding + ": the tables do not follow the log", "hermes project"};
  return {"services", Level::ok, finding};
}

Check check_projections(const SystemStatus& status) {
  double late = 0;
  for (const auto& lag : status.projections) {
    if (lag.events_behind < 0) {
      return {
          "projections", Level::fail,
          lag.projection + " is ahead of the log in partition " + std::to_string(lag.partition) +
              ": the end of the log was removed",
          "restore the log, or if it is the one that was restored: hermes rebuild " + lag.projection + "; then hermes verify"};
    }
    if (lag.stuck) {
      return {"projections", Level::fail,
              first_line(lag.projection + " is stuck at " + eventstore::to_string({lag.partition, lag.stuck->offset}) + ": " +
                         lag.stuck->reason),
              "hermes status"};
    }
    late = std::max(late, lag.seconds_behind);
  }
  const std::string behind =
      human_duration(std::chrono::microseconds(static_cast<std::int64_t>(late * 1e6))) + " behind the log";
  if (late > static_cast<double>(kLagMax.count())) {
    return {"projections", Level::warn, behind, "start another projector: they share the partitions"};
  }
  return {"projections", Level::ok, late > 0 ? behind : "with the log"};
}

Check check_guards(const SystemStatus& status) {
  const auto& missing = status.log.missing_guards;
  if (missing.empty()) return {"log guards", Level::ok, "triggers, keys, checks and privileges are as they were made"};
  const std::string more = missing.size() > 1 ? " (and " + std::to_string(missing.size() - 1) + " more)" : "";
  return {"log guards", Level::fail, first_line(missing.front() + more), "ask who did it, mend it, then run hermes verify"};
}

void add_status(Checks& checks, postgres::Connection& connection) {
  pqxx::transaction<pqxx::repeatable_read, pqxx::read_only> transaction(connection);
  const SystemStatus status = projections::read_system_status(transaction);
  transaction.commit();
  checks.push_back(check_guards(status));
  checks.push_back(check_services(status));
  checks.push_back(check_projections(status));
}

void skip(Checks& checks, std::initializer_list<const char*> names, const std::string& why) {
  for (const char* name : names) checks.push_back({name, Level::skipped, why});
}

}  // namespace

Checks check_database(const Settings& settings) {
  const std::string where = postgres::address_of(settings.postgres);
  auto connected = postgres::connect(settings.postgres);
  if (!connected) {
    Checks checks{{"database", Level::fail, connected.error().message}};
    skip(checks,
         {"encoding", "collation", "durability", "wal", "wal archive", "writes", "clock", "data disk", "roles", "migrations",
          "partitions", "sequences", "foreign keys", "log guards", "services", "projections"},
         "no database");
    return checks;
  }
  postgres::Connection& connection = **connected;
  Checks checks;
  checks.push_back(check_version(connection, where));
  checks.push_back(check_encoding(connection));
  checks.push_back(check_collation(connection));
  checks.push_back(check_durability(connection));
  checks.push_back(check_wal(connection));
  checks.push_back(check_archiving(connection));
  checks.push_back(check_writes(connection));
  checks.push_back(check_clock(connection));
  checks.push_back(check_data_disk(connection, settings));
  checks.push_back(check_roles(connection, settings.postgres.user));
  const bool roles_exist = checks.back().level != Level::fail;
  checks.push_back(check_migrations(connection));
  if (checks.back().level == Level::fail || !roles_exist) {
    skip(checks, {"partitions", "sequences", "foreign keys", "log guards", "services", "projections"},
         "not migrated, or no roles");
    return checks;
  }
  checks.push_back(check_partitions(connection));
  checks.push_back(check_sequences(connection));
  checks.push_back(check_key_privilege(connection));
  add_status(checks, connection);
  return checks;
}

}  // namespace hermes::tools
