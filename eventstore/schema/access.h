// Who may do what in the database: the services' roles and their grants (docs/event-log.md, "Roles"). The list in access.cc is
// the one place that says it. Roles belong to the cluster and grants get lost on the way to another one, so `hermes migrate`
// makes what is missing each time it runs, whatever migrations there are.
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
  bool missing;     // there is no such role; else the login may not SET ROLE to it
  bool mends_self;  // the login may make the role, or grant it to itself: hermes migrate does
};

// Of the three service roles, in their order. Empty: a service that logs in as this user can work.
std::vector<RoleProblem> role_problems(pqxx::transaction_base& transaction);

// The statement by which a superuser lets the login become these roles, without its semicolon.
std::string grant_statement(pqxx::connection_base& connection, const std::vector<std::string>& roles, const std::string& login);

// Something that is missing: how it is told ("SELECT, INSERT on event_log to hermes_ingester") and what makes it.
struct MissingGrant {
  std::string told;
  std::string sql;
};

// Of the tables and functions that are there. A role that is missing has no grants.
std::vector<MissingGrant> missing_grants(pqxx::transaction_base& transaction);

// The right to leave out the checks of foreign keys (docs/projections.md), when hermes_projector lacks it and the user may
// grant it. Without it everything works, slower.
std::optional<MissingGrant> missing_parameter_grant(pqxx::transaction_base& transaction);

struct AccessError {
  std::string message;  // one line: what is wrong and what to do
};

// Make what is missing, each in a transaction of its own, and return it as it is told. Require: no transaction is open; no SET
// ROLE. Grants need the owner of the tables. Throw pqxx::failure when the database refuses something else.
Result<std::vector<std::string>, AccessError> make_roles(postgres::Connection& connection);
Result<std::vector<std::string>, AccessError> make_grants(postgres::Connection& connection);

}  // namespace hermes::eventstore
