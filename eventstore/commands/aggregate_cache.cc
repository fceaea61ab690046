#include "eventstore/commands/aggregate_cache.h"

#include <cstring>

namespace hermes::eventstore {
namespace {

// A recipient's branch takes about 40 bytes, including the id.
constexpr std::size_t kBranchesPerUnit = 8;

std::size_t weight_of(const Aggregate& aggregate) {
  const auto* message = std::get_if<domain::Message>(&aggregate);
  return 1 + (message ? message->branch_count() / kBranchesPerUnit : 0);
}

}  // namespace

std::size_t StreamKeyHash::operator()(const StreamKey& key) const noexcept {
  std::size_t hash;
  std::memcpy(&hash, key.data(), sizeof(hash));
  return hash;
}

std::optional<CachedAggregate> AggregateCache::take(const StreamKey& key) {
  const auto found = entries_.find(key);
  if (found == entries_.end()) return std::nullopt;
  CachedAggregate value = std::move(found->second.value);
  unlink(found->second);
  entries_.erase(found);
  return value;
}

void AggregateCache::put(const StreamKey& key, CachedAggregate&& aggregate) {
  const std::size_t weight = weight_of(aggregate.aggregate);
  if (weight > capacity_) {
    take(key);
    return;
  }
  const auto [found, is_new] = entries_.try_emplace(key);
  Entry& entry = found->second;
  if (!is_new) unlink(entry);
  entry.value = std::move(aggregate);
  entry.weight = weight;
  entry.key = &found->first;
  link_newest(entry);
  while (weight_ > capacity_) drop_oldest();  // never this one: it is the newest, and fits alone
}

void AggregateCache::unlink(Entry& entry) {
  weight_ -= entry.weight;
  (entry.older != nullptr ? entry.older->newer : oldest_) = entry.newer;
  (entry.newer != nullptr ? entry.newer->older : newest_) = entry.older;
}

void AggregateCache::link_newest(Entry& entry) {
  weight_ += entry.weight;
  entry.older = newest_;
  entry.newer = nullptr;
  (newest_ != nullptr ? newest_->newer : oldest_) = &entry;
  newest_ = &entry;
}

void AggregateCache::drop_oldest() {
  Entry& entry = *oldest_;
  unlink(entry);
  entries_.erase(entries_.find(*entry.key));
}

void AggregateCache::clear() {
  entries_.clear();
  oldest_ = newest_ = nullptr;
  weight_ = 0;
}

}  // namespace hermes::eventstore
