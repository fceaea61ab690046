#include "adapters/chat/message_ids.h"

#include <algorithm>

namespace hermes::chat {
namespace {

std::size_t common_bytes(std::string_view a, std::string_view b) {
  return static_cast<std::size_t>(std::ranges::mismatch(a, b).in1 - a.begin());
}

}  // namespace

void MessageIds::add(const std::string& id) {
  if (!ids_.insert(id).second) return;
  order_.push_back(id);
  if (order_.size() > kMax) {
    ids_.erase(order_.front());
    order_.pop_front();
  }
}

std::vector<std::string> MessageIds::beginning_with(std::string_view text) const {
  std::vector<std::string> found;
  for (auto id = ids_.lower_bound(text); id != ids_.end() && id->starts_with(text); ++id) {
    if (*id == text) return {*id};
    found.push_back(*id);
  }
  return found;
}

std::string MessageIds::shortened(const std::string& id) const {
  std::size_t bytes = kShortest;
  const auto next = ids_.upper_bound(id);
  if (next != ids_.end()) bytes = std::max(bytes, common_bytes(id, *next) + 1);
  const auto here = ids_.lower_bound(id);
  if (here != ids_.begin()) bytes = std::max(bytes, common_bytes(id, *std::prev(here)) + 1);
  // Not inside a character of UTF-8.
  while (bytes < id.size() && (static_cast<unsigned char>(id[bytes]) & 0xC0) == 0x80) ++bytes;
  return id.substr(0, bytes);
}

}  // namespace hermes::chat
