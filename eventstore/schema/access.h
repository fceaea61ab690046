// Who may do what in the database: the services' roles and their grants (docs/event-log.md, "Roles"). The list in access.cc is
// the only place that says so. A database moved to another cluster loses its roles and grants, so each run of `hermes migrate`
// makes those that are missing.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "eventstore/postgres/connection.h"

namespace hermes::eventstore {

// A role that the login can't become.
struct RoleProblem {
  std::string role;
  bool missing;     // there is no such role; false: the login may not SET ROLE to it
  bool mends_self;  // the login may make the role or grant it to itself, and hermes migrate does so
};

// The problems of the three service roles, in their order. Empty: a service that logs in as this user can work.
std::vector<RoleProblem> role_problems(pqxx::transaction_base& transaction);

// The statement by which a superuser lets the login become these roles, without its semicolon.
std::string grant_statement(pqxx::connection_base& connection, const std::vector<std::string>& roles, const std::string& login);

// A missing grant: its description ("SELECT, INSERT on event_log to hermes_ingester") and the statement that makes it.
struct MissingGrant {
  std::string told;
  std::string sql;
};

// The missing grants on tables and functions that exist. A missing role has no grants.
std::vector<MissingGrant> missing_grants(pqxx::transaction_base& transaction);

// The right to skip the checks of foreign keys (docs/projections.md), if hermes_projector lacks it and the user may grant it.
// Without it everything works, but slower.
std::optional<MissingGrant> missing_parameter_grant(pqxx::transaction_base& transaction);

struct AccessError {
  std::string message;  // one line: what is wrong and what to do
};

// Make what is missing, each in a transaction of its own, and return the descriptions. Require: no transaction is open; no SET
// ROLE. Grants need the owner of the tables. Throw pqxx::failure when the database refuses something else.
Result<std::vector<std::string>, AccessError> make_roles(postgres::Connection& connection);
Result<std::vector<std::string>, AccessError> make_grants(postgres::Connection& connection);

}  // namespace hermes::eventstore
