// Sets up every session of Hermes right after connecting, whatever the role, the database or the server has set: output
// formats, isolation, no time-outs, the schema of the log, the role (docs/running.md, "Settings of a session"). Services set
// time-outs of their own afterwards.
#pragma once

#include <string>

#include "base/result.h"

struct pg_conn;

namespace hermes::postgres::detail {

struct SessionError {
  std::string message;  // one line
  bool complete;        // it says what to do; false: the server's message alone
};

// `role`: SET ROLE to it; empty: stay the login user. Requires: nothing has been set in the session.
Result<Done, SessionError> prepare_session(pg_conn* connection, const std::string& role);

}  // namespace hermes::postgres::detail
