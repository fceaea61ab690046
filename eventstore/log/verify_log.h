// Checks the log against itself: the hash chain of a partition, and every stream of it replayed through the machine. What is
// found is reported, never mended. docs/verify.md is the manual.
//
// All functions read one state of the log (requires: a REPEATABLE READ transaction is open), whatever is appended meanwhile, in
// constant memory, and throw what postgres/statements.h throws.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "eventstore/log/event_log.h"
#include "eventstore/postgres/connection.h"

namespace hermes::eventstore {

struct Finding {
  std::string check;    // "chain", "stream", "snapshot", "anchor", "table"
  std::string where;    // "3:1200", "message/m-1", "chat_messages message_id=m-1"
  std::string problem;  // what is wrong there
  bool operator==(const Finding&) const = default;
};

// Called for every finding, in order; for each check at most kFindingsMax times, the rest is only counted.
using OnFinding = std::function<void(Finding)>;
inline constexpr std::size_t kFindingsMax = 100;

// Called with the number of rows that were checked since the last call.
using OnRows = std::function<void(std::int64_t)>;

struct VerifiedHead {
  Partition partition = 0;
  Offset next_offset = 0;
  Hash last_hash{};  // 32 zero bytes in an empty partition
  bool operator==(const VerifiedHead&) const = default;
};

// Offsets without a gap, times that never go back, every hash, and that the head is where the rows end. Returns the head as it
// was then. If `anchored` is given, the event before that head must still have that hash: nothing before it has changed.
VerifiedHead verify_chain(postgres::Connection& connection, Partition partition, const VerifiedHead* anchored,
                          const OnFinding& on_finding, const OnRows& on_rows);

// Every stream of the partition: its key and partition are those of its id, its versions have no gap and go up with the
// offsets, every payload can be read, and the machine accepts every event. A snapshot that is usable must be the state that the
// events give.
void verify_streams(postgres::Connection& connection, Partition partition, int partition_count, const OnFinding& on_finding,
                    const OnRows& on_rows);

}  // namespace hermes::eventstore
