#include "eventstore/log/log_guards.h"

#include <algorithm>

#include "eventstore/schema/migrations.h"

namespace hermes::eventstore {
namespace {

// The bits of pg_trigger.tgtype (PostgreSQL, include/catalog/pg_trigger.h).
constexpr int kBefore = 1 << 1, kDelete = 1 << 3, kUpdate = 1 << 4, kTruncate = 1 << 5;

struct Trigger {
  const char* table;
  const char* name;
  int type;  // for each statement
};
constexpr Trigger kTriggers[] = {
    {"event_log", "event_log_immutable", kBefore | kUpdate | kDelete | kTruncate},
    {"event_log_settings", "event_log_settings_immutable", kBefore | kUpdate | kDelete | kTruncate},
    {"event_log_heads", "event_log_heads_stay", kBefore | kDelete | kTruncate},
};

// As pg_get_constraintdef writes them. Names do not matter, except that of the constraint that finds duplicates.
struct Constraint {
  const char* table;
  const char* definition;
};
constexpr Constraint kConstraints[] = {
    {"event_log", "PRIMARY KEY (partition, \"offset\")"},
    {"event_log", "UNIQUE (partition, stream_key, version)"},
    {"event_log", "CHECK ((partition >= 0))"},
    {"event_log", "CHECK ((\"offset\" >= 0))"},
    {"event_log", "CHECK ((version >= 0))"},
    {"event_log", "CHECK ((length(hash) = 32))"},
    {"event_log_heads", "PRIMARY KEY (partition)"},
    {"event_log_heads", "CHECK ((next_offset >= 0))"},
    {"event_log_heads", "CHECK ((length(last_hash) = 32))"},
    {"event_log_heads", "CHECK ((parked >= 0))"},
    {"event_log_settings", "PRIMARY KEY (singleton)"},
    {"event_log_settings", "CHECK (singleton)"},
};

constexpr const char* kTables[] = {"event_log", "event_log_heads", "event_log_settings"};

// A migration must have made the function: another one of the same name may refuse nothing.
bool is_of_a_migration(const std::string& body) {
  return !body.empty() && std::ranges::any_of(embedded_migrations(), [&](const Migration& migration) {
    return migration.sql.find(body) != std::string_view::npos;
  });
}

std::string problem_of(pqxx::transaction_base& transaction, const Trigger& trigger) {
  const pqxx::result found = transaction.exec_params(
      "SELECT t.tgenabled, t.tgtype::int, t.tgqual IS NULL AND cardinality(t.tgattr::int2[]) = 0, p.prosrc "
      "FROM pg_trigger t JOIN pg_proc p ON p.oid = t.tgfoid "
      "WHERE t.tgrelid = to_regclass($1) AND t.tgname = $2 AND NOT t.tgisinternal",
      trigger.table, trigger.name);
  if (found.empty()) return "is missing";
  const std::string enabled = found[0][0].as<std::string>();
  if (enabled == "D") return "is off";
  if (enabled != "A") return "does not fire always: session_replication_role = replica goes past it";
  if (found[0][1].as<int>() != trigger.type || !found[0][2].as<bool>()) return "was replaced by one that refuses less";
  if (!is_of_a_migration(found[0][3].as<std::string>())) return "calls a function that is not the one of the migrations";
  return "";
}

void look_at_triggers(pqxx::transaction_base& transaction, std::vector<std::string>& missing) {
  for (const Trigger& trigger : kTriggers) {
    const std::string problem = problem_of(transaction, trigger);
    if (!problem.empty()) {
      missing.push_back("the trigger " + std::string(trigger.name) + " of " + trigger.table + " " + problem +
                        ": changes of what is written are not refused");
    }
  }
}

void look_at_constraints(pqxx::transaction_base& transaction, std::vector<std::string>& missing) {
  for (const Constraint& constraint : kConstraints) {
    const pqxx::result found = transaction.exec_params(
        "SELECT con.convalidated AND coalesce(i.indisvalid AND i.indisready AND i.indimmediate, true) FROM pg_constraint con "
        "LEFT JOIN pg_index i ON i.indexrelid = con.conindid AND con.contype IN ('p', 'u') "
        "WHERE con.conrelid = to_regclass($1) AND pg_get_constraintdef(con.oid) = $2 ORDER BY 1 DESC",
        constraint.table, constraint.definition);
    const std::string name = std::string(constraint.table) + " " + constraint.definition;
    if (found.empty()) {
      missing.push_back("the constraint is missing: " + name);
    } else if (!found[0][0].as<bool>()) {
      missing.push_back("the constraint is not valid, or its index is not: " + name);
    }
  }
}

// Without any trigger, row-level security hides rows, a rule changes statements, a crash empties an unlogged table, and a child
// table adds rows.
void look_at_tables(pqxx::transaction_base& transaction, std::vector<std::string>& missing) {
  for (const char* table : kTables) {
    const pqxx::result found = transaction.exec_params(
        "SELECT relrowsecurity, EXISTS (SELECT FROM pg_rewrite WHERE ev_class = c.oid), relpersistence = 'p', "
        "EXISTS (SELECT FROM pg_inherits WHERE inhparent = c.oid) FROM pg_class c WHERE oid = to_regclass($1)",
        table);
    if (found.empty()) continue;  // then nothing else works either
    if (found[0][0].as<bool>()) missing.push_back("row security is on for " + std::string(table) + ": it may hide rows");
    if (!found[0][2].as<bool>()) missing.push_back(std::string(table) + " is not logged: a crash empties it");
    if (found[0][3].as<bool>())
      missing.push_back("a table inherits " + std::string(table) + ": its rows are read as if they stood there");
    if (found[0][1].as<bool>()) missing.push_back("a rewrite rule changes the statements on " + std::string(table));
  }
}

// Columns must be NOT NULL (but for the two times that may be missing) and without defaults, so that they hold only what an
// event says.
void look_at_columns(pqxx::transaction_base& transaction, std::vector<std::string>& missing) {
  for (const auto& row : transaction.exec(
           "SELECT c.relname || '.' || a.attname, a.attnotnull, a.atthasdef FROM pg_class c JOIN pg_attribute a ON a.attrelid "
           "= c.oid "
           "WHERE c.oid IN (to_regclass('event_log'), to_regclass('event_log_heads')) AND a.attnum > 0 AND NOT a.attisdropped "
           "AND a.attname IN ('partition', 'offset', 'stream_key', 'stream_id', 'version', 'event_type', 'schema_version', "
           "'actor_id', "
           "'occurred_at', 'recorded_at', 'received_at', 'payload', 'hash', 'next_offset', 'last_recorded_at', 'last_hash', "
           "'parked') "
           "ORDER BY 1")) {
    const std::string name = row[0].as<std::string>();
    const bool may_be_null = name == "event_log.occurred_at" || name == "event_log.received_at";
    if (!row[1].as<bool>() && !may_be_null) missing.push_back("the column " + name + " may be null");
    if (row[2].as<bool>() && name.starts_with("event_log."))
      missing.push_back("the column " + name + " has a default: it may say what no event said");
  }
}

// Roles other than the owner that may change the log, by a grant to the role itself, to a role that it is a member of, or to
// PUBLIC.
void look_at_privileges(pqxx::transaction_base& transaction, std::vector<std::string>& missing) {
  for (const auto& row : transaction.exec(
           "SELECT coalesce('the role ' || r.rolname, 'everybody (PUBLIC)'), c.relname, "
           "string_agg(DISTINCT granted.privilege_type, ', ' ORDER BY granted.privilege_type) FROM pg_class c "
           "CROSS JOIN LATERAL (SELECT * FROM aclexplode(c.relacl) UNION ALL SELECT of_column.* FROM pg_attribute a "
           "CROSS JOIN LATERAL aclexplode(a.attacl) of_column WHERE a.attrelid = c.oid AND NOT a.attisdropped) granted "
           "LEFT JOIN pg_roles r ON r.oid = granted.grantee "
           "WHERE c.oid IN (to_regclass('event_log'), to_regclass('event_log_heads'), to_regclass('event_log_settings')) "
           "AND granted.grantee <> c.relowner "
           "AND granted.privilege_type IN ('INSERT', 'UPDATE', 'DELETE', 'TRUNCATE', 'TRIGGER') "
           "AND (coalesce(r.rolname, ''), c.relname, granted.privilege_type) NOT IN "
           "(('hermes_ingester', 'event_log', 'INSERT'), ('hermes_ingester', 'event_log_heads', 'UPDATE')) "
           "GROUP BY 1, 2 ORDER BY 1, 2")) {
    missing.push_back(row[0].as<std::string>() + " has " + row[2].as<std::string>() + " on " + row[1].as<std::string>());
  }
}

}  // namespace

std::vector<std::string> missing_guards(pqxx::transaction_base& transaction) {
  std::vector<std::string> missing;
  look_at_triggers(transaction, missing);
  look_at_constraints(transaction, missing);
  look_at_tables(transaction, missing);
  look_at_columns(transaction, missing);
  look_at_privileges(transaction, missing);
  return missing;
}

}  // namespace hermes::eventstore
