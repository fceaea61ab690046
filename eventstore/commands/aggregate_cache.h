// The aggregates that a command handler used last, so that a receipt need not read its message's stream from the log. The least
// recently used are dropped first. Capacity is counted in direct messages (about 300 bytes each); a broadcast counts for more,
// by its recipients, so that memory stays bounded for any messages. Not thread-safe: one per handler.
#pragma once

#include <cstddef>
#include <memory_resource>
#include <optional>
#include <unordered_map>
#include <variant>

#include "domain/message.h"
#include "domain/typing.h"
#include "eventstore/log/event_log.h"

namespace hermes::eventstore {

using Aggregate = std::variant<domain::Message, domain::Typing>;

struct CachedAggregate {
  Aggregate aggregate;
  Version next_version = 0;  // how many events its stream has
  Offset as_of = 0;          // it knows all events of its partition before this offset
  Version snapshot_at = 0;   // how many events its last snapshot covers (snapshots.h)
};

// A stream key is part of a SHA-256, so it is already a hash.
struct StreamKeyHash {
  std::size_t operator()(const StreamKey& key) const noexcept;
};

class AggregateCache {
 public:
  explicit AggregateCache(std::size_t capacity) : capacity_(capacity) {}

  // Moves the aggregate out, so that a failed batch leaves nothing changed in the cache.
  std::optional<CachedAggregate> take(const StreamKey& key);
  void put(const StreamKey& key, CachedAggregate&& aggregate);
  void clear();
  std::size_t size() const { return entries_.size(); }
  std::size_t weight() const { return weight_; }  // at most the capacity

 private:
  // One block of memory per aggregate, linked in the order of use. Every message passes through here, and the cost is in
  // touching memory that has not been touched for long.
  struct Entry {
    CachedAggregate value;
    std::size_t weight = 0;
    const StreamKey* key = nullptr;  // where the map has it
    Entry* older = nullptr;
    Entry* newer = nullptr;
  };
  using Entries = std::pmr::unordered_map<StreamKey, Entry, StreamKeyHash>;
  void unlink(Entry& entry);
  void link_newest(Entry& entry);
  void drop_oldest();

  std::size_t capacity_;
  std::size_t weight_ = 0;
  std::pmr::unsynchronized_pool_resource memory_;  // reuses the blocks of dropped aggregates
  Entries entries_{&memory_};
  Entry* oldest_ = nullptr;
  Entry* newest_ = nullptr;
};

}  // namespace hermes::eventstore
