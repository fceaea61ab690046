#include "eventstore/schema/access.h"

#include <algorithm>
#include <array>
#include <string_view>

#include "eventstore/postgres/server_message.h"

namespace hermes::eventstore {
namespace {

constexpr int kSetOption = 160000;        // from this version on, a member may lack the right to SET ROLE
constexpr int kParameterGrants = 150000;  // GRANT ... ON PARAMETER

constexpr std::array<const char*, 3> kRoles = {"hermes_ingester", "hermes_projector", "hermes_reader"};

// One line per table or view: what each role may do with it. Columns in parentheses restrict the privilege before them.
struct TableGrants {
  const char* table;
  std::array<const char*, 3> privileges;  // of kRoles
};
constexpr const char* kRead = "SELECT";
constexpr const char* kWrite = "SELECT, INSERT, UPDATE, DELETE";
constexpr const char* kNone = "";
constexpr const char* kResolve = "SELECT, INSERT, UPDATE (resolution, resolved_at, resolved_by, resolution_note)";
constexpr TableGrants kTables[] = {
    // table                      ingester, projector, reader
    {"event_log", {"SELECT, INSERT", kRead, kRead}},
    {"event_log_heads", {"SELECT, UPDATE", kRead, kRead}},
    {"event_log_settings", {kRead, kRead, kRead}},
    {"rejected_events", {kResolve, kRead, kRead}},
    {"parked_events", {"SELECT, INSERT, DELETE", kRead, kRead}},
    {"postponed_events", {"SELECT, INSERT, DELETE", kRead, kRead}},
    {"stream_snapshots", {kWrite, kRead, kRead}},
    {"service_heartbeats", {kWrite, kWrite, kRead}},
    {"hermes_schema_migrations", {kRead, kRead, kRead}},
    {"projection_checkpoints", {kNone, kWrite, kRead}},
    {"projection_leases", {kNone, kWrite, kRead}},
    {"projection_members", {kNone, kWrite, kRead}},
    {"projection_stuck", {kNone, kWrite, kRead}},
    {"projection_skips", {kNone, kRead, kRead}},
    {"projection_lag", {kNone, kRead, kRead}},
    {"chat_messages", {kRead, kWrite, kRead}},
    {"message_status", {kRead, kWrite, kRead}},
    {"broadcast_receipts", {kNone, kWrite, kRead}},
    {"inbox", {kNone, kWrite, kRead}},
    {"typing_indicators", {kNone, kWrite, kRead}},
    {"typing_now", {kNone, kRead, kRead}},
};

// They run with their owner's rights, so nobody else may call them.
struct FunctionGrant {
  std::string name;
  std::string role;
};
const std::vector<FunctionGrant> kFunctions = {
    {"query_service_heartbeat", "hermes_reader"},  // migrations/0021_query_service_heartbeat.sql
    {"hermes_mend_sequences", "hermes_ingester"},  // migrations/0051_mend_sequences.sql
};

// Whether the login may SET ROLE, by the rules of PostgreSQL 16 and later or of older versions.
std::string may_set_role(pqxx::transaction_base& transaction, const std::string& role) {
  const bool has_option = transaction.conn().server_version() >= kSetOption;
  return "pg_has_role(session_user, " + role + ", '" + (has_option ? "SET" : "MEMBER") + "')";
}

// "SELECT, UPDATE (a, b)" is "SELECT" without columns and "UPDATE" of "a, b".
struct Privilege {
  std::string name;
  std::string columns;
};
std::vector<Privilege> split(std::string_view privileges) {
  std::vector<Privilege> all;
  while (!privileges.empty()) {
    Privilege& one = all.emplace_back();
    const std::size_t end = std::min(privileges.find_first_of(",("), privileges.size());
    one.name = privileges.substr(0, end);
    privileges.remove_prefix(end);
    if (privileges.starts_with('(')) {
      one.name.pop_back();  // the space
      const std::size_t close = privileges.find(')');
      one.columns = privileges.substr(1, close - 1);
      privileges.remove_prefix(close + 1);
    }
    if (privileges.starts_with(", ")) privileges.remove_prefix(2);
  }
  return all;
}

// The list as rows of SQL: place, table, role, privilege, columns.
std::string wanted_rows(pqxx::transaction_base& transaction) {
  std::string rows;
  int place = 0;
  for (const TableGrants& line : kTables) {
    for (std::size_t role = 0; role < kRoles.size(); ++role) {
      for (const auto& [name, columns] : split(line.privileges[role])) {
        rows += (rows.empty() ? "(" : ", (") + std::to_string(++place);
        for (const std::string& text : {std::string(line.table), std::string(kRoles[role]), name, columns})
          rows += ", " + transaction.quote(text);
        rows += ')';
      }
    }
  }
  return rows;
}

void add_table_grants(pqxx::transaction_base& transaction, std::vector<MissingGrant>& missing) {
  const pqxx::result rows = transaction.exec(
      "SELECT string_agg(privilege || CASE columns WHEN '' THEN '' ELSE ' (' || columns || ')' END, ', ' ORDER BY place), "
      "name, "
      "       format('%I.%I', current_schema(), name), role "
      "FROM (VALUES " +
      wanted_rows(transaction) +
      ") AS wanted (place, name, role, privilege, columns), "
      "     LATERAL (SELECT to_regclass(format('%I.%I', current_schema(), name))) AS found (relation) "
      "WHERE CASE WHEN relation IS NULL THEN false "
      "           WHEN NOT EXISTS (SELECT FROM pg_roles WHERE rolname = role) THEN true "
      "           WHEN columns = '' THEN NOT has_table_privilege(role::name, relation, privilege) "
      "           ELSE EXISTS (SELECT FROM unnest(string_to_array(columns, ', ')) AS name_of_column "
      "                        WHERE NOT has_column_privilege(role::name, relation, name_of_column, privilege)) END "
      "GROUP BY name, role ORDER BY min(place)");
  for (const pqxx::row& row : rows) {
    const std::string privileges = row[0].as<std::string>();
    const std::string role = row[3].as<std::string>();
    missing.push_back({privileges + " on " + row[1].as<std::string>() + " to " + role,
                       "GRANT " + privileges + " ON " + row[2].as<std::string>() + " TO " + role});
  }
}

void add_schema_grants(pqxx::transaction_base& transaction, std::vector<MissingGrant>& missing) {
  std::string roles;
  for (const char* role : kRoles) roles += (roles.empty() ? "" : ", ") + transaction.quote(role);
  for (const pqxx::row& row : transaction.exec("SELECT role, quote_ident(current_schema()) FROM unnest(ARRAY[" + roles +
                                               "]) AS role WHERE CASE "
                                               "WHEN NOT EXISTS (SELECT FROM pg_roles WHERE rolname = role) THEN true "
                                               "ELSE NOT has_schema_privilege(role::name, current_schema(), 'USAGE') END")) {
    const std::string role = row[0].as<std::string>();
    const std::string schema = row[1].as<std::string>();
    missing.push_back({"USAGE on schema " + schema + " to " + role, "GRANT USAGE ON SCHEMA " + schema + " TO " + role});
  }
  // The read-only tools can also read tables that are added later.
  for (const pqxx::row& row :
       transaction.exec("SELECT quote_ident(pg_get_userbyid(relowner)), quote_ident(nspname) FROM pg_class "
                        "JOIN pg_namespace namespace ON namespace.oid = relnamespace "
                        "WHERE pg_class.oid = to_regclass(format('%I.event_log', current_schema())) AND NOT EXISTS ("
                        "  SELECT FROM pg_default_acl, aclexplode(defaclacl) JOIN pg_roles ON pg_roles.oid = grantee "
                        "  WHERE defaclrole = relowner AND defaclnamespace = relnamespace AND defaclobjtype = 'r' "
                        "    AND rolname = 'hermes_reader' AND privilege_type = 'SELECT')")) {
    missing.push_back({"SELECT on future tables to hermes_reader",
                       "ALTER DEFAULT PRIVILEGES FOR ROLE " + row[0].as<std::string>() + " IN SCHEMA " +
                           row[1].as<std::string>() + " GRANT SELECT ON TABLES TO hermes_reader"});
  }
}

void add_function_grants(pqxx::transaction_base& transaction, const FunctionGrant& grant, std::vector<MissingGrant>& missing) {
  const pqxx::result rows = transaction.exec(
      "SELECT pg_proc.oid::regprocedure, "
      "  EXISTS (SELECT FROM aclexplode(coalesce(proacl, acldefault('f', proowner))) WHERE grantee = 0) "
      "    OR NOT EXISTS (SELECT FROM aclexplode(proacl) JOIN pg_roles ON pg_roles.oid = grantee WHERE rolname = '" +
      grant.role +
      "'), "
      "  format('search_path=%I, pg_temp', current_schema()) <> ALL (coalesce(proconfig, '{}')), quote_ident(current_schema()) "
      "FROM pg_proc WHERE pronamespace = quote_ident(current_schema())::regnamespace AND proname = '" +
      grant.name + "'");
  for (const pqxx::row& row : rows) {
    const std::string function = row[0].as<std::string>();
    if (row[1].as<bool>()) {
      missing.push_back(
          {"EXECUTE on " + grant.name + " to " + grant.role + " alone",
           "REVOKE ALL ON FUNCTION " + function + " FROM PUBLIC; GRANT EXECUTE ON FUNCTION " + function + " TO " + grant.role});
    }
    // No caller's search_path may decide which table the function uses; its schema may have been renamed.
    if (row[2].as<bool>()) {
      missing.push_back({"the schema of " + grant.name,
                         "ALTER FUNCTION " + function + " SET search_path = " + row[3].as<std::string>() + ", pg_temp"});
    }
  }
}

Result<Done, AccessError> make_role(postgres::Connection& connection, const RoleProblem& problem, const std::string& login) {
  pqxx::work work(connection);
  const std::string name = connection.quote_name(login);
  try {
    if (problem.missing) {
      pqxx::subtransaction creating(work);
      creating.exec("CREATE ROLE " + problem.role + " NOLOGIN");
      creating.commit();
    }
  } catch (const pqxx::insufficient_privilege& error) {
    return fail(AccessError{"role " + problem.role + " is missing and " + login + " may not create it (" +
                            postgres::first_line(error.what()) + "). As a superuser: ALTER ROLE " + name + " CREATEROLE;"});
  } catch (const pqxx::sql_error& error) {
    // Another database's migration was faster; roles belong to the whole cluster.
    if (error.sqlstate() != "42710" && error.sqlstate() != "23505") throw;
  }
  const std::string grant = grant_statement(connection, {problem.role}, login);
  try {
    if (!work.exec1("SELECT " + may_set_role(work, work.quote(problem.role)))[0].as<bool>()) work.exec(grant);
    work.commit();
  } catch (const pqxx::insufficient_privilege&) {
    return fail(AccessError{login + " may not become role " + problem.role +
                            ", nor grant it to itself. As a superuser: " + grant + ";"});
  }
  return Done{};
}

}  // namespace

std::vector<RoleProblem> role_problems(pqxx::transaction_base& transaction) {
  std::vector<RoleProblem> problems;
  // Since 16, the creator of a role has ADMIN on it; before, anybody who may create roles may grant them.
  const bool has_option = transaction.conn().server_version() >= kSetOption;
  const pqxx::row login = transaction.exec1("SELECT rolsuper OR rolcreaterole FROM pg_roles WHERE rolname = session_user");
  for (const char* role : kRoles) {
    const std::string name = transaction.quote(role);
    const pqxx::row row =
        transaction.exec1("SELECT oid IS NULL, CASE WHEN oid IS NOT NULL THEN " + may_set_role(transaction, "oid") +
                          " END, "
                          "  CASE WHEN oid IS NOT NULL THEN pg_has_role(session_user, oid, 'MEMBER WITH ADMIN OPTION') END "
                          "FROM (SELECT (SELECT oid FROM pg_roles WHERE rolname = " +
                          name + ")) AS role (oid)");
    const bool missing = row[0].as<bool>();
    if (!missing && row[1].as<bool>()) continue;
    const bool may_create = login[0].as<bool>();
    problems.push_back(
        {role, missing, missing || !has_option ? may_create || (!missing && row[2].as<bool>()) : row[2].as<bool>()});
  }
  return problems;
}

std::string grant_statement(pqxx::connection_base& connection, const std::vector<std::string>& roles,
                            const std::string& login) {
  std::string list;
  for (const std::string& role : roles) list += (list.empty() ? "" : ", ") + role;
  const std::string statement = "GRANT " + list + " TO " + connection.quote_name(login);
  // A grant that exists changes only in the options named here. INHERIT FALSE, since a service becomes its role by SET ROLE.
  return connection.server_version() >= kSetOption ? statement + " WITH SET TRUE, INHERIT FALSE" : statement;
}

std::vector<MissingGrant> missing_grants(pqxx::transaction_base& transaction) {
  std::vector<MissingGrant> missing;
  const bool has_log = !transaction.exec1("SELECT to_regclass(format('%I.event_log', current_schema()))")[0].is_null();
  if (!has_log) return missing;
  add_schema_grants(transaction, missing);
  add_table_grants(transaction, missing);
  for (const FunctionGrant& grant : kFunctions) add_function_grants(transaction, grant, missing);
  return missing;
}

std::optional<MissingGrant> missing_parameter_grant(pqxx::transaction_base& transaction) {
  if (transaction.conn().server_version() < kParameterGrants) return std::nullopt;
  const bool missing =
      transaction
          .exec1(
              "SELECT CASE WHEN EXISTS (SELECT FROM pg_roles WHERE rolname = 'hermes_projector') "
              "THEN NOT has_parameter_privilege('hermes_projector', 'session_replication_role', 'SET') ELSE true END "
              "AND has_parameter_privilege('session_replication_role', 'SET WITH GRANT OPTION')")[0]
          .as<bool>();
  if (!missing) return std::nullopt;
  return MissingGrant{"SET on parameter session_replication_role to hermes_projector",
                      "GRANT SET ON PARAMETER session_replication_role TO hermes_projector"};
}

Result<std::vector<std::string>, AccessError> make_roles(postgres::Connection& connection) {
  std::vector<RoleProblem> problems;
  std::string login;
  {
    pqxx::work work(connection);
    problems = role_problems(work);
    if (!problems.empty()) login = work.exec1("SELECT session_user")[0].as<std::string>();
  }
  std::vector<std::string> made;
  for (const RoleProblem& problem : problems) {
    if (auto done = make_role(connection, problem, login); !done) return fail(done.error());
    made.push_back(problem.missing ? "role " + problem.role : "role " + problem.role + " to " + login);
  }
  return made;
}

Result<std::vector<std::string>, AccessError> make_grants(postgres::Connection& connection) {
  std::vector<std::string> made;
  pqxx::work work(connection);
  std::vector<MissingGrant> missing = missing_grants(work);
  if (auto parameter = missing_parameter_grant(work)) missing.push_back(std::move(*parameter));
  for (const MissingGrant& grant : missing) {
    try {
      work.exec(grant.sql);
    } catch (const pqxx::insufficient_privilege& error) {
      return fail(AccessError{"missing: " + grant.told + ", which this user may not grant (" +
                              postgres::first_line(error.what()) + "). Run hermes migrate as the owner of the tables"});
    }
    made.push_back(grant.told);
  }
  // A user who lacks the right to grant one of these privileges gets a warning from GRANT, no error.
  if (const auto left = missing_grants(work); !left.empty()) {
    return fail(AccessError{"missing: " + left.front().told +
                            ", which this user may not grant. Run hermes migrate as the owner of "
                            "the tables"});
  }
  work.commit();
  return made;
}

}  // namespace hermes::eventstore
