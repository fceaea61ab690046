#include "eventstore/log/hash_chain.h"

#include <cstring>
#include <stdexcept>

#include "base/sha256.h"
#include "eventstore/postgres/binary_copy.h"
#include "eventstore/postgres/statements.h"

namespace hermes::eventstore {

Hash to_hash(std::string_view bytes) {
  Hash hash{};
  if (bytes.size() != hash.size()) throw std::runtime_error("a hash in the log does not have 32 bytes");
  std::memcpy(hash.data(), bytes.data(), hash.size());
  return hash;
}

Hash chain_hash(const Hash& previous, std::string_view canonical_bytes) {
  Sha256 sha256;
  sha256.update({reinterpret_cast<const char*>(previous.data()), previous.size()});
  sha256.update(canonical_bytes);
  return sha256.finish();
}

std::int64_t check_chain(postgres::Connection& connection, Partition partition,
                         const std::function<void(const BrokenChain&)>& on_break, const std::function<void()>& on_row) {
  Hash expected_previous{};
  Offset expected = 0;
  std::optional<Timestamp> last_recorded_at;
  std::int64_t count = 0;
  std::size_t breaks = 0;
  auto report = [&](Offset offset, std::string problem) {
    if (++breaks <= kMaxBreaksReported) on_break({{partition, offset}, std::move(problem)});
  };

  const std::string where = " WHERE partition = " + std::to_string(partition);
  postgres::copy_out(
      connection, "SELECT " + std::string(kChainedColumns) + ", hash FROM event_log" + where + " ORDER BY \"offset\"",
      [&](postgres::BinaryRow row) {
        const std::string_view all = row.remaining();
        row.int16();
        const Offset offset = row.int64();
        for (int column = 2; column < kChainedColumnCount - 3; ++column) row.field();
        const Timestamp recorded_at = row.timestamp();
        row.field();  // the payload
        std::size_t not_hashed = row.remaining().size();
        if (row.field()) not_hashed = row.remaining().size();  // received_at is hashed if it is not NULL
        const std::string_view canonical_bytes = all.substr(0, all.size() - not_hashed);
        const Hash stored = to_hash(row.bytes());

        ++count;
        if (on_row) on_row();
        if (offset != expected) {
          report(expected, offset == expected + 1 ? "the event is missing"
                                                  : "the events up to " + std::to_string(offset - 1) + " are missing");
        }
        if (last_recorded_at && recorded_at < *last_recorded_at) report(offset, "recorded_at is earlier than the event before");
        // After a gap the previous hash is unknown: the gap is the finding, and checking goes on from the stored hash after it.
        if (offset == expected && chain_hash(expected_previous, canonical_bytes) != stored) {
          report(offset, "the hash does not match the event and the hash before it");
        }
        expected = offset + 1;
        expected_previous = stored;
        last_recorded_at = recorded_at;
      });

  postgres::Statements statements(connection);
  statements.send("SELECT next_offset, last_hash FROM event_log_heads" + where);
  const postgres::TextRows head = statements.rows();
  statements.finish();
  if (head.size() != 1) {
    report(expected, "the partition has no head");
  } else if (head.integer(0, 0) != expected) {
    report(expected, "the head says that the next offset is " + std::to_string(head.integer(0, 0)));
  } else if (to_hash(head.bytes(0, 1)) != expected_previous) {
    report(expected, "the head's hash is not the last event's");
  }
  return count;
}

}  // namespace hermes::eventstore
