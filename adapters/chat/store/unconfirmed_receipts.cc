#include "adapters/chat/store/unconfirmed_receipts.h"

#include <algorithm>

namespace hermes::chat {

using domain::Status;

std::chrono::seconds UnconfirmedReceipts::wait_after(unsigned tries) {
  std::chrono::seconds wait = kFirstWait;
  for (unsigned i = 0; i < tries && wait < kLongestWait; ++i) wait *= 2;
  return std::min(wait, kLongestWait);
}

std::optional<domain::MessageId> UnconfirmedReceipts::published(const Receipt& receipt, Clock::time_point now, unsigned tries) {
  const auto [place, is_new] = order_of_.emplace(receipt.message_id, next_order_);
  if (is_new) entries_.emplace(next_order_++, Entry{.id = receipt.message_id, .sender = receipt.sender});
  Entry& entry = entries_.at(place->second);
  entry.tries = std::max(entry.tries, tries);
  (receipt.status == Status::read ? entry.read : entry.delivered) = true;
  looks_.erase({entry.look_at, place->second});
  again_.erase(place->second);
  entry.look_at = now + wait_after(entry.tries);
  looks_.emplace(entry.look_at, place->second);
  if (entries_.size() <= kMax) return std::nullopt;
  const domain::MessageId oldest = entries_.begin()->second.id;
  forget(oldest);
  return oldest;
}

std::vector<domain::MessageId> UnconfirmedReceipts::to_look_up(Clock::time_point now, std::size_t limit) const {
  std::vector<domain::MessageId> out;
  for (const auto& [at, order] : looks_) {
    if (at > now || out.size() >= limit) break;
    out.push_back(entries_.at(order).id);
  }
  return out;
}

std::optional<UnconfirmedReceipts::Clock::time_point> UnconfirmedReceipts::next_look() const {
  if (looks_.empty()) return std::nullopt;
  return looks_.begin()->first;
}

std::vector<domain::MessageId> UnconfirmedReceipts::looked_up(const std::vector<domain::MessageId>& asked,
                                                              const std::vector<Receipt>& found, Clock::time_point now) {
  for (const Receipt& receipt : found) {
    const auto place = order_of_.find(receipt.message_id);
    if (place == order_of_.end()) continue;
    Entry& entry = entries_.at(place->second);
    (receipt.status == Status::read ? entry.read : entry.delivered) = false;
  }
  std::vector<domain::MessageId> gone;
  for (const domain::MessageId& id : asked) {
    const auto place = order_of_.find(id);
    if (place == order_of_.end()) continue;
    Entry& entry = entries_.at(place->second);
    const bool complete = !entry.delivered && !entry.read;
    if (!complete && entry.look_at > now) continue;  // published while the answer was under way, which tells nothing of that
    if (complete || ++entry.tries >= kTriesMax) {
      gone.push_back(id);
    } else {
      looks_.erase({entry.look_at, place->second});
      again_.insert(place->second);
    }
  }
  for (const domain::MessageId& id : gone) forget(id);
  return gone;
}

// A read without a delivery is legal, and a late delivery is recorded: the order matters to whoever looks at the message.
void UnconfirmedReceipts::add_receipts(const Entry& entry, std::vector<Receipt>& out) {
  if (entry.delivered) out.push_back({entry.sender, entry.id, Status::delivered});
  if (entry.read) out.push_back({entry.sender, entry.id, Status::read});
}

std::vector<Receipt> UnconfirmedReceipts::to_publish(std::size_t limit) const {
  std::vector<Receipt> out;
  for (const Order order : again_) {
    const Entry& entry = entries_.at(order);
    // Both of a message or none: `published` ends its waiting.
    if (out.size() + 2 > limit) break;
    add_receipts(entry, out);
  }
  return out;
}

unsigned UnconfirmedReceipts::tries(const domain::MessageId& id) const {
  const auto place = order_of_.find(id);
  return place == order_of_.end() ? 0 : entries_.at(place->second).tries;
}

void UnconfirmedReceipts::forget(const domain::MessageId& id) {
  const auto place = order_of_.find(id);
  if (place == order_of_.end()) return;
  looks_.erase({entries_.at(place->second).look_at, place->second});
  again_.erase(place->second);
  entries_.erase(place->second);
  order_of_.erase(place);
}

}  // namespace hermes::chat
