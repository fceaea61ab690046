#include "eventstore/aggregate_cache.h"

#include <cstring>

namespace hermes::eventstore {

std::size_t StreamKeyHash::operator()(const StreamKey& key) const noexcept {
  std::size_t hash;
  std::memcpy(&hash, key.data(), sizeof(hash));
  return hash;
}

std::optional<CachedAggregate> AggregateCache::take(const StreamKey& key) {
  auto found = entries_.find(key);
  if (found == entries_.end()) return std::nullopt;
  CachedAggregate value = std::move(found->second->value);
  recent_.erase(found->second);
  entries_.erase(found);
  return value;
}

void AggregateCache::put(const StreamKey& key, CachedAggregate&& aggregate) {
  if (capacity_ == 0) return;
  if (auto found = entries_.find(key); found != entries_.end()) {
    found->second->value = std::move(aggregate);
    recent_.splice(recent_.begin(), recent_, found->second);
    return;
  }
  if (entries_.size() < capacity_) {
    recent_.push_front({key, std::move(aggregate)});
  } else {
    // The oldest makes room, and its list node is used again.
    entries_.erase(recent_.back().key);
    recent_.splice(recent_.begin(), recent_, std::prev(recent_.end()));
    recent_.front() = {key, std::move(aggregate)};
  }
  entries_.emplace(key, recent_.begin());
}

void AggregateCache::clear() {
  entries_.clear();
  recent_.clear();
}

}  // namespace hermes::eventstore
