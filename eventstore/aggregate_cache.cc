#include "eventstore/aggregate_cache.h"

#include <cstring>

namespace hermes::eventstore {
namespace {

// A recipient's branch takes about 40 bytes, its id among them.
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
  auto found = entries_.find(key);
  if (found == entries_.end()) return std::nullopt;
  CachedAggregate value = std::move(found->second->value);
  weight_ -= found->second->weight;
  recent_.erase(found->second);
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
  if (!is_new) {
    weight_ -= found->second->weight;
    recent_.erase(found->second);
  }
  recent_.push_front({key, std::move(aggregate), weight});
  found->second = recent_.begin();
  weight_ += weight;
  while (weight_ > capacity_) drop_oldest();  // never this one: it is the newest, and fits alone
}

void AggregateCache::drop_oldest() {
  weight_ -= recent_.back().weight;
  entries_.erase(recent_.back().key);
  recent_.pop_back();
}

void AggregateCache::clear() {
  entries_.clear();
  recent_.clear();
  weight_ = 0;
}

}  // namespace hermes::eventstore
