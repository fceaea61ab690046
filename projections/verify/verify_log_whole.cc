#include "projections/verify/verify_log_whole.h"

#include <string>

#include "eventstore/log/log_guards.h"

namespace hermes::projections {
namespace {

using eventstore::OnFinding;

// A witness knows an offset of the log: `next` is the first that it need not have seen.
struct Witness {
  const char* select;  // who, partition, next
  const char* what;    // how it knows
};
constexpr Witness kWitnesses[] = {
    {"SELECT projection, partition, next_offset FROM projection_checkpoints", "its checkpoint"},
    {"SELECT projection, partition, \"offset\" + 1 FROM projection_skips", "a skip of it"},
    {"SELECT projection, partition, \"offset\" + 1 FROM projection_stuck", "the event that it is stuck at"},
};

// Somebody has read events that are not there: the end of a partition was removed and its head set back.
void look_for_witnesses(pqxx::transaction_base& transaction, const OnFinding& on_finding) {
  for (const Witness& witness : kWitnesses) {
    for (const auto& row :
         transaction.exec("SELECT w.who, w.partition, max(w.next), h.next_offset FROM (" + std::string(witness.select) +
                          ") AS w (who, partition, next) JOIN event_log_heads h USING (partition) WHERE w.next > h.next_offset "
                          "GROUP BY w.who, w.partition, h.next_offset ORDER BY 1, 2")) {
      on_finding(
          {"end", row[1].as<std::string>() + ":" + row[3].as<std::string>(),
           "the log ends here, and " + row[0].as<std::string>() + " knows it up to " + row[1].as<std::string>() + ":" +
               std::to_string(row[2].as<std::int64_t>() - 1) + " (" + witness.what +
               "): the end of the partition was removed. Restore the log; events that are appended here are not projected"});
    }
  }
  // By index: one look for each stream that is long enough to have a snapshot.
  for (const auto& row : transaction.exec(
           "SELECT s.partition, s.stream_key, s.next_version, coalesce(last.version + 1, 0), last.stream_id FROM "
           "stream_snapshots s "
           "LEFT JOIN LATERAL (SELECT version, stream_id FROM event_log e WHERE e.partition = s.partition AND e.stream_key = "
           "s.stream_key ORDER BY version DESC LIMIT 1) last ON true WHERE s.next_version > coalesce(last.version + 1, 0) "
           "ORDER BY 1, 2")) {
    on_finding({"end", row[4].is_null() ? "stream_key " + row[1].as<std::string>() : row[4].as<std::string>(),
                "it has " + row[3].as<std::string>() + " events in partition " + row[0].as<std::string>() +
                    ", and a snapshot of " + row[2].as<std::string>() +
                    ": its last events were removed, or the snapshot is made up (then delete it)"});
  }
}

// A projection that runs has a checkpoint in each partition. Where one is gone, nothing is folded any more, and what the tables
// lack of the partition is not missed by who compares them with what was folded.
void look_for_checkpoints(pqxx::transaction_base& transaction, const OnFinding& on_finding) {
  for (const auto& row : transaction.exec(
           "SELECT p.projection, h.partition FROM (SELECT DISTINCT projection FROM projection_checkpoints) p "
           "CROSS JOIN event_log_heads h LEFT JOIN projection_checkpoints c USING (projection, partition) "
           "WHERE c.partition IS NULL AND h.partition < (SELECT partition_count FROM event_log_settings) ORDER BY 1, 2")) {
    const auto projection = row[0].as<std::string>();
    on_finding(
        {"checkpoint", projection + " partition " + row[1].as<std::string>(),
         "there is none: nothing of the partition is projected, and its rows are not checked. Start the projectors again, "
         "then: hermes rebuild " +
             projection});
  }
}

void look_outside(pqxx::transaction_base& transaction, const OnFinding& on_finding) {
  const int count = transaction.exec1("SELECT partition_count FROM event_log_settings")[0].as<int>();
  for (const char* table : {"event_log", "event_log_heads", "projection_checkpoints", "projection_skips", "stream_snapshots"}) {
    for (const auto& row : transaction.exec("SELECT partition, count(*) FROM " + std::string(table) +
                                            " WHERE partition < 0 OR "
                                            "partition >= " +
                                            std::to_string(count) + " GROUP BY partition ORDER BY partition")) {
      const auto rows = row[1].as<std::int64_t>();
      on_finding({"outside", std::string(table) + " partition " + row[0].as<std::string>(),
                  std::to_string(rows) + (rows == 1 ? " row stands" : " rows stand") +
                      " outside the partitions, which are 0 to " + std::to_string(count - 1)});
    }
  }
}

}  // namespace

void verify_log_whole(pqxx::transaction_base& transaction, const OnFinding& on_finding) {
  look_for_witnesses(transaction, on_finding);
  look_for_checkpoints(transaction, on_finding);
  look_outside(transaction, on_finding);
  for (const std::string& missing : eventstore::missing_guards(transaction)) on_finding({"guard", "event_log", missing});
}

}  // namespace hermes::projections
