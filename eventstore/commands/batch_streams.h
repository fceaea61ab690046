// The streams that a batch touches, with the state of each: from the cache of aggregates if that is current, otherwise from the
// log. Deciding the batch changes these states; they go to the cache once the transaction is committed.
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

// The most receipts that wait for one message. All of them are applied in the transaction that appends the message, and
// everybody else waits for it. A message that so many have received before it came most likely does not exist.
inline constexpr std::size_t kParkedPerMessageMax = 10'000;

struct BatchStream {
  std::string id;
  StreamKey key;
  Partition partition;
  bool starts_with_message;  // its first command here is a SendMessage
  bool has_message = false;  // any of its commands is one
  CachedAggregate state;
  std::vector<ParkedReceipt> parked;   // in the database
  std::size_t parked_count = 0;        // if its message is not there; counted only if the limit may be reached
  std::string unreadable{};            // why nothing can be decided for it; empty: readable
  std::vector<std::size_t> waiting{};  // receipts of this batch that came before their message: indexes into the batch
};

class BatchStreams {
 public:
  BatchStreams(int partition_count, std::size_t cache_capacity);

  // Finds the streams of the batch's commands, still without their states. Forgets the streams of the batch before.
  void find(std::span<const Incoming> batch);
  std::span<const Partition> partitions() const { return partitions_; }  // of the streams, ascending without repetition

  // Loads their states and the receipts that wait for them. Requires: the transaction has locked the heads of partitions().
  // Throws like load_streams().
  void load(postgres::Connection& connection, const AppendTransaction& transaction);

  BatchStream& of(std::size_t index) { return streams_[stream_of_[index]]; }  // of batch[index]; requires: it is a command
  std::span<BatchStream> all() { return streams_; }

  // Puts the new states into the cache. Requires: the transaction was committed.
  void remember(const AppendTransaction& transaction);

  // Empties the cache. For some batches, streams that seem to be new are looked up in the log, too.
  void forget();

 private:
  // What is known of a partition's end.
  struct Seen {
    Offset next_offset = -1;
    Hash last_hash{};
    Offset foreign_until = 0;  // others have appended before this offset: an older aggregate may lack events
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
