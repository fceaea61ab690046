#include "projections/projector/share_plan.h"

#include <algorithm>

namespace hermes::projections {

std::vector<Share> plan_shares(const OwnedPartitions& owned, const std::map<eventstore::Partition, Epoch>& epochs,
                               const Suspects& suspects, std::span<const eventstore::Offset> heads, std::size_t events_max,
                               Suspect::Clock::time_point now) {
  struct Waiting {
    Share share;
    std::size_t events;
  };
  std::vector<Waiting> waiting;
  for (const auto& [partition, known] : owned) {
    const auto suspect = suspects.find(partition);
    const bool is_suspect = suspect != suspects.end();
    if (is_suspect ? now < suspect->second.not_before : known.stuck.has_value()) continue;
    const eventstore::Offset head = heads[static_cast<std::size_t>(partition)];
    if (head <= known.next) continue;
    const Share share{partition, epochs.at(partition), head, 0};
    const auto events = static_cast<std::size_t>(head - known.next);
    if (is_suspect) return {Share{share.partition, share.epoch, head, std::min(events, suspect->second.events_max)}};
    waiting.push_back({share, events});
  }
  // The least first: what they leave of their part goes to those with more.
  std::ranges::sort(waiting, {}, &Waiting::events);
  std::size_t left = events_max;
  std::size_t to_come = waiting.size();
  std::vector<Share> shares;
  for (Waiting& one : waiting) {
    one.share.events_max = std::min(one.events, std::max<std::size_t>(1, left / to_come--));
    left -= std::min(left, one.share.events_max);
    shares.push_back(one.share);
  }
  std::ranges::sort(shares, {}, &Share::partition);
  return shares;
}

}  // namespace hermes::projections
