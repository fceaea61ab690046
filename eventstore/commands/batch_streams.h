// The streams that a batch touches, and what is known of each: from the cache of aggregates where that is current, from the log
// otherwise. As a batch is decided, their states move; they go to the cache once its transaction is committed.
//
//   streams.find(batch);
//   AppendTransaction transaction(connection, buffers, streams.partitions());
//   streams.load(connection, transaction);
//   ... decide ...
//   transaction.commit();
//   streams.remember(transaction);
//
// Not thread-safe: one per handler.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <unordered_map>
#include <vector>

#include "eventstore/commands/aggregate_cache.h"
#include "eventstore/commands/command_handler.h"
#include "eventstore/commands/stream_loader.h"
#include "eventstore/log/appender.h"

namespace hermes::eventstore {

// Receipts that wait for one message. All of them are applied in the transaction that appends it, which holds up everybody
// else; and a message that so many have received before it came is most likely no message.
inline constexpr std::size_t kParkedPerMessageMax = 10'000;

struct BatchStream {
  std::string id;
  StreamKey key;
  Partition partition;
  bool starts_with_message;  // its first command here is a SendMessage
  bool has_message = false;  // one of its commands is
  CachedAggregate state;
  std::vector<ParkedReceipt> parked;   // in the database
  std::size_t parked_count = 0;        // of a message that is not there; counted only where it may be at its limit
  std::string unreadable{};            // why nothing can be decided for it; empty: it can
  std::vector<std::size_t> waiting{};  // receipts of this batch that came before their message: indexes into the batch
};

class BatchStreams {
 public:
  BatchStreams(int partition_count, std::size_t cache_capacity);

  // Those of the batch's commands, with nothing known of them yet. What was found before is gone.
  void find(std::span<const Incoming> batch);
  std::span<const Partition> partitions() const { return partitions_; }  // theirs, ascending without repetition

  // Their states and the receipts that wait for them. Requires: the heads of partitions() are locked by the transaction. Throws
  // as load_streams().
  void load(postgres::Connection& connection, const AppendTransaction& transaction);

  BatchStream& of(std::size_t index) { return streams_[stream_of_[index]]; }  // of batch[index]; requires: it is a command
  std::span<BatchStream> all() { return streams_; }

  // What the batch made of them. Requires: the transaction was committed.
  void remember(const AppendTransaction& transaction);

  // From now on nothing but the log is trusted, for some batches also for what seems to be new.
  void forget();

 private:
  // What is known of a partition's end.
  struct Seen {
    Offset next_offset = -1;
    Hash last_hash{};
    Offset foreign_until = 0;  // others have appended before this offset: an aggregate older than that may have missed events
  };
  Seen& seen(Partition partition) { return seen_[static_cast<std::size_t>(partition)]; }
  void compare_heads(const AppendTransaction& transaction);
  void count_parked_where_many_are(postgres::Connection& connection, const AppendTransaction& transaction);

  int partition_count_;
  AggregateCache cache_;
  std::vector<Seen> seen_;  // by partition
  int load_first_for_;      // batches

  // Of the batch at hand; kept for their memory.
  std::vector<BatchStream> streams_;
  std::unordered_map<StreamKey, std::size_t, StreamKeyHash> stream_index_;
  std::vector<std::size_t> stream_of_;  // by index in the batch
  std::vector<Partition> partitions_;
};

}  // namespace hermes::eventstore
