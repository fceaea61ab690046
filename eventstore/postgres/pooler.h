// Whether a connection pooler (PgBouncer and its like) stands between us and PostgreSQL, and what it does to sessions
// (docs/running.md, "Behind PgBouncer").
//
// Hermes needs a session for itself: SET, SET ROLE, LISTEN and prepared statements belong to the session. A pooler that gives
// each transaction another session would give our role to strangers, so this is checked before anything is set.
#pragma once

#include <chrono>

struct pg_conn;

namespace hermes::postgres::detail {

// Compares the two process ids that a server tells: the one sent when the connection is made, where a pooler puts a number of
// its own, and the one that SQL returns. False also if the server did not answer.
bool is_pooled(pg_conn* connection);

enum class Sharing {
  kept,    // this connection and one session of the server stay together, also between transactions
  shared,  // the session went back to the pool
  unclear  // too slow to tell: ask again with a longer `idle`
};

// Finds out what the pooler does with the session of an idle connection. The connection can't be used afterwards: close it.
//
// How: the server is told to end the session after `idle` time without a statement. If the pooler keeps both together, the
// connection ends too. If it has taken the session back, the session ends in the pool, where it harms nobody, and the
// connection stays open.
Sharing sharing_of(pg_conn* connection, std::chrono::milliseconds idle);

}  // namespace hermes::postgres::detail
