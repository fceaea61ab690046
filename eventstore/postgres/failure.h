// What a failed transaction means for its caller: whether it was committed, and whether trying again can help.
#pragma once

#include <exception>
#include <string>
#include <string_view>

namespace hermes::eventstore {

struct DatabaseFailure {
  enum class Kind {
    unavailable,      // the connection is gone and nothing was committed: connect again and try the same again
    outcome_unknown,  // the connection died during COMMIT: find out the outcome before trying again
    refused,          // refused because of its data: trying again can't help
    later             // out of disk, read-only, too many connections, not permitted, own bookkeeping, ...: try again later
  } kind;
  std::string detail;         // one line, with the SQLSTATE
  std::string sqlstate = {};  // empty if the error did not come from the server
};

// The SQLSTATE of a server that answers but takes no writes: it is a standby or was made read-only.
inline constexpr std::string_view kTakesNoWrites = "25006";

// The kind for an SQLSTATE (PostgreSQL manual, appendix A); ingest and projections both use it. Only an error about the data
// itself is `refused`.
DatabaseFailure::Kind classify_sqlstate(std::string_view sqlstate);

// Whether a constraint guards Hermes's own records: heads, positions, versions, numbers. If it is violated, no message is at
// fault, whatever the SQLSTATE says.
bool is_own_bookkeeping(std::string_view constraint);

// What a caught exception means. `commit_sent`: whether the server may have committed already.
DatabaseFailure classify(std::exception_ptr error, bool commit_sent);

}  // namespace hermes::eventstore
