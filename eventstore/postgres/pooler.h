// Whether a connection pooler (PgBouncer and its like) stands between us and PostgreSQL, and what it does to sessions
// (docs/running.md, "Behind PgBouncer").
//
// Hermes needs its session for itself: SET, SET ROLE, LISTEN and prepared statements are the session's. A pooler that gives
// each transaction another session would hand our role to strangers, so that is found out before anything else is set.
#pragma once

#include <chrono>

struct pg_conn;

namespace hermes::postgres::detail {

// The server names its process twice: when the connection is made, where a pooler puts a number of its own, and in SQL.
// False also when the server did not answer.
bool is_pooled(pg_conn* connection);

enum class Sharing {
  kept,    // this connection and one session of the server stay together, also between transactions
  shared,  // the session went back to the pool
  unclear  // all was so slow that nothing follows: ask again with a longer `idle`
};

// What the pooler does with the session of an idle connection. The connection can't be used afterwards: close it.
//
// How: the session is told to end when it has been idle for so long. Kept together, the connection ends with it; given back to
// the pool, the session ends there, where nobody is the worse for it, and the connection lives on.
Sharing sharing_of(pg_conn* connection, std::chrono::milliseconds idle);

}  // namespace hermes::postgres::detail
