#include "eventstore/log/verify_log.h"

#include <cstring>
#include <map>
#include <optional>
#include <utility>
#include <variant>

#include "base/sha256.h"
#include "domain/message.h"
#include "domain/typing.h"
#include "eventstore/log/hash_chain.h"
#include "eventstore/postgres/binary_copy.h"
#include "eventstore/postgres/statements.h"
#include "eventstore/schema/payload.h"

namespace hermes::eventstore {
namespace {

constexpr std::int64_t kRowsAtOnce = 1'000;

// Reports the number of rows now and then instead of for each row.
class RowCounter {
 public:
  explicit RowCounter(const OnRows& on_rows) : on_rows_(on_rows) {}
  void operator()() {
    if (++rows_ == kRowsAtOnce) finish();
  }
  void finish() { on_rows_(std::exchange(rows_, 0)); }

 private:
  const OnRows& on_rows_;
  std::int64_t rows_ = 0;
};

std::optional<Hash> stored_hash(postgres::Connection& connection, Position position) {
  std::optional<Hash> hash;
  postgres::copy_out(connection,
                     "SELECT hash FROM event_log WHERE partition = " + std::to_string(position.partition) +
                         " AND \"offset\" = " + std::to_string(position.offset),
                     [&](postgres::BinaryRow row) {
                       const std::string_view bytes = row.bytes();
                       if (bytes.size() != sizeof(Hash)) return;
                       std::memcpy(hash.emplace().data(), bytes.data(), bytes.size());
                     });
  return hash;
}

void check_anchor(postgres::Connection& connection, const VerifiedHead& anchored, const OnFinding& on_finding) {
  if (anchored.next_offset == 0) return;
  const Position last{anchored.partition, anchored.next_offset - 1};
  const std::optional<Hash> hash = stored_hash(connection, last);
  if (hash && *hash == anchored.last_hash) return;
  on_finding({"anchor", to_string(last),
              hash ? "its hash is not the one in the anchor: this event or one before it was changed, and the chain made anew"
                   : "the anchor knows this event, and it is gone"});
}

// Replays the events, one stream after the other.
class Replay {
 public:
  Replay(Partition partition, int partition_count, std::map<StreamKey, Version> snapshots, const OnFinding& on_finding)
      : partition_(partition), partition_count_(partition_count), snapshots_(std::move(snapshots)), on_finding_(on_finding) {}

  // The fields of a row, in the order of kColumns.
  static constexpr std::string_view kColumns =
      "stream_key, \"offset\", stream_id, version, event_type, schema_version, payload";

  void operator()(postgres::BinaryRow row) {
    const StreamKey key = row.uuid();
    const Offset offset = row.int64();
    const std::string_view stream_id = row.text();
    if (!begun_ || key != key_) begin(key, stream_id);
    if (broken_) return;  // the first finding of a stream says it all
    if (auto problem = check(offset, stream_id, row)) {
      broken_ = true;
      on_finding_({"stream", id_, "at " + to_string({partition_, offset}) + ": " + *std::move(problem)});
      return;
    }
    remember_snapshot();
  }

  // For each requested stream, the SHA-256 of the snapshot that its events give.
  const std::map<StreamKey, std::pair<std::string, Sha256::Digest>>& expected_snapshots() const { return expected_; }

 private:
  void begin(const StreamKey& key, std::string_view stream_id) {
    begun_ = true;
    broken_ = false;
    key_ = key;
    id_ = stream_id;
    next_version_ = 0;
    last_offset_ = -1;
    if (stream_id.starts_with("typing/")) {
      state_ = domain::Typing();
    } else {
      state_ = domain::Message();
    }
  }

  std::optional<std::string> check(Offset offset, std::string_view stream_id, postgres::BinaryRow& row) {
    const Version version = row.int32();
    const std::string_view event_type = row.text();
    const std::int16_t schema = row.int16();
    if (stream_id != id_) return "stream_key is that of another stream, " + std::string(stream_id);
    if (next_version_ == 0 && stream_key(stream_id) != key_) return "stream_key is not the hash of stream_id";
    if (next_version_ == 0 && partition_of(key_, partition_count_) != partition_)
      return "the stream belongs to another partition";
    if (version != next_version_) {
      return "version " + std::to_string(next_version_) + " is missing, " + std::to_string(version) + " follows";
    }
    if (offset <= last_offset_) return "version " + std::to_string(version) + " stands before the version before it";
    auto event = decode_payload(event_type, schema, row.bytes());
    if (!event) return std::move(event.error().detail);
    last_offset_ = offset;
    ++next_version_;
    return apply(*event);
  }

  std::optional<std::string> apply(const domain::Event& event) {
    if (auto* message = std::get_if<domain::Message>(&state_)) {
      auto next = domain::apply(std::move(*message), event);
      if (!next) return std::move(next.error().detail);
      *message = *std::move(next);
    } else {
      auto next = domain::apply(std::get<domain::Typing>(state_), event,
                                {});  // whether an event may follow does not depend on the time
      if (!next) return std::move(next.error().detail);
      state_ = *next;
    }
    return std::nullopt;
  }

  void remember_snapshot() {
    const auto wanted = snapshots_.find(key_);
    const auto* message = std::get_if<domain::Message>(&state_);
    if (wanted == snapshots_.end() || wanted->second != next_version_ || message == nullptr) return;
    Sha256 sha;
    sha.update(message->snapshot(snapshot_binding(key_, next_version_)));
    expected_.emplace(key_, std::pair(id_, sha.finish()));
  }

  const Partition partition_;
  const int partition_count_;
  const std::map<StreamKey, Version> snapshots_;
  const OnFinding& on_finding_;

  bool begun_ = false;
  bool broken_ = false;
  StreamKey key_{};
  std::string id_;
  Version next_version_ = 0;
  Offset last_offset_ = -1;
  std::variant<domain::Message, domain::Typing> state_;
  std::map<StreamKey, std::pair<std::string, Sha256::Digest>> expected_;
};

std::map<StreamKey, Version> snapshot_versions(postgres::Connection& connection, const std::string& where) {
  std::map<StreamKey, Version> versions;
  postgres::copy_out(connection, "SELECT stream_key, next_version FROM stream_snapshots" + where, [&](postgres::BinaryRow row) {
    const StreamKey key = row.uuid();
    versions.emplace(key, row.int32());
  });
  return versions;
}

// A snapshot that can't be restored is ignored by everybody; one that can must be right.
void check_snapshots(postgres::Connection& connection, const Replay& replay, const std::string& where,
                     const OnFinding& on_finding) {
  if (replay.expected_snapshots().empty()) return;
  postgres::copy_out(
      connection, "SELECT stream_key, next_version, snapshot FROM stream_snapshots" + where, [&](postgres::BinaryRow row) {
        const StreamKey key = row.uuid();
        const Version version = row.int32();
        const std::string_view bytes = row.bytes();
        const auto expected = replay.expected_snapshots().find(key);
        if (expected == replay.expected_snapshots().end()) return;
        Sha256 sha;
        sha.update(bytes);
        if (sha.finish() == expected->second.second) return;
        if (!domain::Message::restore(bytes, snapshot_binding(key, version))) return;
        on_finding({"snapshot", expected->second.first, "it is not the state that the stream's events give: delete it"});
      });
}

}  // namespace

VerifiedHead verify_chain(postgres::Connection& connection, Partition partition, const VerifiedHead* anchored,
                          const OnFinding& on_finding, const OnRows& on_rows) {
  RowCounter count(on_rows);
  check_chain(
      connection, partition,
      [&](const BrokenChain& broken) {
        on_finding({"chain", to_string(broken.position), broken.problem});
      },
      [&] { count(); });
  count.finish();
  if (anchored != nullptr) check_anchor(connection, *anchored, on_finding);

  VerifiedHead head{.partition = partition, .next_offset = 0, .last_hash = {}};
  postgres::copy_out(connection,
                     "SELECT next_offset, last_hash FROM event_log_heads WHERE partition = " + std::to_string(partition),
                     [&](postgres::BinaryRow row) {
                       head.next_offset = row.int64();
                       const std::string_view hash = row.bytes();
                       if (hash.size() == head.last_hash.size()) std::memcpy(head.last_hash.data(), hash.data(), hash.size());
                     });
  return head;
}

void verify_streams(postgres::Connection& connection, Partition partition, int partition_count, const OnFinding& on_finding,
                    const OnRows& on_rows) {
  const std::string where = " WHERE partition = " + std::to_string(partition);
  Replay replay(partition, partition_count, snapshot_versions(connection, where), on_finding);
  RowCounter count(on_rows);
  postgres::copy_out(connection,
                     "SELECT " + std::string(Replay::kColumns) + " FROM event_log" + where + " ORDER BY stream_key, version",
                     [&](postgres::BinaryRow row) {
                       replay(row);
                       count();
                     });
  count.finish();
  check_snapshots(connection, replay, where, on_finding);
}

}  // namespace hermes::eventstore
