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
    storage_full      // out of disk, read-only, too many connections, not permitted, ...: try the same again later
  } kind;
  std::string detail;         // one line, with the SQLSTATE
  std::string sqlstate = {};  // empty when it was not the server that said so
};

// The SQLSTATE of a server that answers and takes no writes, being a standby or made read-only.
inline constexpr std::string_view kTakesNoWrites = "25006";

// By SQLSTATE (PostgreSQL manual, appendix A). Only what is about the data itself is `refused`.
DatabaseFailure::Kind classify_sqlstate(std::string_view sqlstate);

// What a caught exception means. `commit_sent`: whether the server may have committed already.
DatabaseFailure classify(std::exception_ptr error, bool commit_sent);

}  // namespace hermes::eventstore
