#include "eventstore/commands/batch_streams.h"

#include <algorithm>

#include "domain/stream_id.h"

namespace hermes::eventstore {
namespace {

// When a message that was assumed to be new was in the log already, and after a start, more such messages are likely (a spool
// is read again, a client repeats itself). Then streams that are not in the cache are loaded first, until this many batches in
// a row had no such message. Loading costs about as much as appending; a wrong assumption costs a batch that is rolled back.
constexpr int kBatchesToLoadFirst = 16;

}  // namespace

BatchStreams::BatchStreams(int partition_count, std::size_t cache_capacity)
    : partition_count_(partition_count),
      cache_(cache_capacity),
      seen_(static_cast<std::size_t>(partition_count)),
      load_first_for_(kBatchesToLoadFirst) {}

void BatchStreams::find(std::span<const Incoming> batch) {
  streams_.clear();
  stream_index_.clear();
  partitions_.clear();
  stream_of_.assign(batch.size(), 0);
  for (std::size_t index = 0; index < batch.size(); ++index) {
    const auto* command = std::get_if<domain::Command>(&batch[index].content);
    if (!command) continue;
    const bool is_message = std::holds_alternative<domain::SendMessage>(*command);
    std::string id = domain::stream_of(*command);
    const StreamKey key = stream_key(id);
    auto [found, is_new] = stream_index_.try_emplace(key, streams_.size());
    if (is_new) {
      const Partition partition = partition_of(key, partition_count_);
      Aggregate nothing =
          std::holds_alternative<domain::SetTyping>(*command) ? Aggregate(domain::Typing()) : Aggregate(domain::Message());
      streams_.push_back({.id = std::move(id),
                          .key = key,
                          .partition = partition,
                          .starts_with_message = is_message,
                          .state = {std::move(nothing), 0, 0},
                          .parked = {}});
      partitions_.push_back(partition);
    }
    stream_of_[index] = found->second;
    streams_[found->second].has_message |= is_message;
  }
  std::sort(partitions_.begin(), partitions_.end());
  partitions_.erase(std::unique(partitions_.begin(), partitions_.end()), partitions_.end());
}

void BatchStreams::compare_heads(const AppendTransaction& transaction) {
  for (const Head& head : transaction.heads()) {
    Seen& known = seen(head.partition);
    if (head.next_offset == known.next_offset && head.last_hash == known.last_hash) continue;
    // If the log ends earlier than the cache has seen, or with another event, it is not the log that the cache knows.
    if (head.next_offset <= known.next_offset) cache_.clear();
    known.foreign_until = head.next_offset;
  }
}

void BatchStreams::load(postgres::Connection& connection, const AppendTransaction& transaction) {
  compare_heads(transaction);
  std::vector<StreamToLoad> to_load;
  std::vector<const BatchStream*> perhaps_new;
  std::vector<StreamAddress> parked_at;
  std::vector<std::size_t> parked_stream;
  for (std::size_t index = 0; index < streams_.size(); ++index) {
    BatchStream& stream = streams_[index];
    if (auto cached = cache_.take(stream.key)) {
      const bool is_current = cached->as_of >= seen(stream.partition).foreign_until;
      stream.state = std::move(*cached);
      if (!is_current) to_load.push_back({stream.partition, stream.key, &stream.state, &stream.unreadable});
    } else if (load_first_for_ > 0 || !stream.starts_with_message) {
      to_load.push_back({stream.partition, stream.key, &stream.state, &stream.unreadable});
      if (stream.starts_with_message) perhaps_new.push_back(&stream);
    }
    if (stream.has_message && transaction.head(stream.partition).parked > 0) {
      parked_at.push_back({stream.partition, stream.key});
      parked_stream.push_back(index);
    }
  }
  load_streams(connection, to_load);
  const auto was_known = [](const BatchStream* stream) { return stream->state.next_version > 0; };
  if (std::ranges::any_of(perhaps_new, was_known)) load_first_for_ = kBatchesToLoadFirst;
  count_parked_where_many_are(connection, transaction);
  for (ParkedReceipt& parked : load_parked(connection, parked_at)) {
    streams_[parked_stream[parked.stream]].parked.push_back(std::move(parked));
  }
}

void BatchStreams::count_parked_where_many_are(postgres::Connection& connection, const AppendTransaction& transaction) {
  std::vector<StreamAddress> addresses;
  std::vector<BatchStream*> streams;
  for (BatchStream& stream : streams_) {
    if (stream.state.next_version > 0) continue;
    // A batch may add some thousands, so this counts from half of the limit on.
    if (transaction.head(stream.partition).parked < static_cast<std::int64_t>(kParkedPerMessageMax / 2)) continue;
    addresses.push_back({stream.partition, stream.key});
    streams.push_back(&stream);
  }
  const std::vector<std::size_t> counts = count_parked(connection, addresses, kParkedPerMessageMax);
  for (std::size_t i = 0; i < streams.size(); ++i) streams[i]->parked_count = counts[i];
}

void BatchStreams::remember(const AppendTransaction& transaction) {
  if (load_first_for_ > 0) --load_first_for_;
  for (const Head& head : transaction.heads()) {
    seen(head.partition).next_offset = head.next_offset;
    seen(head.partition).last_hash = head.last_hash;
  }
  for (BatchStream& stream : streams_) {
    if (!stream.unreadable.empty()) continue;
    if (stream.state.next_version == 0) continue;  // only receipts so far: the message has not come
    stream.state.as_of = transaction.head(stream.partition).next_offset;
    cache_.put(stream.key, std::move(stream.state));
  }
}

void BatchStreams::forget() {
  cache_.clear();
  load_first_for_ = kBatchesToLoadFirst;
}

}  // namespace hermes::eventstore
