// What a failed transaction means for the one who tried it: what was committed, and whether trying again can help.
#pragma once

#include <exception>
#include <string>
#include <string_view>

namespace hermes::eventstore {

struct DatabaseFailure {
  enum class Kind {
    unavailable,      // the connection is gone and nothing was committed: connect again and try the same again
    outcome_unknown,  // the connection died during COMMIT: find out what became of it before trying again
    refused,          // refused for its data: trying the same again can't help
    later             // out of disk, read-only, too many connections, not permitted, own bookkeeping, ...: the same again later
  } kind;
  std::string detail;         // one line, with the SQLSTATE
  std::string sqlstate = {};  // empty when it was not the server that said so
};

// The SQLSTATE of a server that answers and takes no writes, being a standby or made read-only.
inline constexpr std::string_view kTakesNoWrites = "25006";

// By SQLSTATE (PostgreSQL manual, appendix A): the one judgement, of ingest and of projections. Only what is about the data
// itself is `refused`.
DatabaseFailure::Kind classify_sqlstate(std::string_view sqlstate);

// Whether a constraint keeps Hermes's own records straight: heads, positions, versions, numbers. Its violation is never a
// message's fault, whatever the SQLSTATE says.
bool is_own_bookkeeping(std::string_view constraint);

// What a caught exception means. `commit_sent`: whether the server may have committed already.
DatabaseFailure classify(std::exception_ptr error, bool commit_sent);

}  // namespace hermes::eventstore
