// Checks the log against itself: the hash chain of a partition, and every stream of it replayed through the machine. It reports
// what it finds and repairs nothing. docs/verify.md is the manual.
//
// All functions read one state of the log, whatever is appended meanwhile, in constant memory. Requires: a REPEATABLE READ
// transaction is open. They throw what postgres/statements.h throws.
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

// Called for every finding, in order, but at most kFindingsMax times for each check; the rest is only counted.
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

// Checks that offsets have no gap, times never go back, every hash is right, and the head is where the rows end. Returns the
// head as it was then. If `anchored` is given, the event before that head must still have that hash: nothing before it has
// changed.
VerifiedHead verify_chain(postgres::Connection& connection, Partition partition, const VerifiedHead* anchored,
                          const OnFinding& on_finding, const OnRows& on_rows);

// Checks every stream of the partition: its key and partition are those of its id, its versions have no gap and go up with the
// offsets, every payload can be read, and the machine accepts every event. A usable snapshot must be the state that the events
// give.
void verify_streams(postgres::Connection& connection, Partition partition, int partition_count, const OnFinding& on_finding,
                    const OnRows& on_rows);

}  // namespace hermes::eventstore
