#include "adapters/mqtt/subscriptions.h"

#include <algorithm>
#include <utility>

#include "adapters/mqtt/reason_code.h"

namespace hermes::mqtt {

void Subscriptions::want(const std::string& filter, int qos, bool no_local) {
  std::erase_if(wanted_, [&](const Subscription& known) { return known.filter == filter; });
  wanted_.push_back({filter, qos, no_local});
}

void Subscriptions::ask(std::string& out, const std::string& filter, OutcomePtr outcome) {
  const auto found = std::ranges::find(wanted_, filter, &Subscription::filter);
  asked_[append(out, *found)] = std::move(outcome);
}

void Subscriptions::renew(std::string& out) {
  for (const Subscription& subscription : wanted_) append(out, subscription);
}

PacketId Subscriptions::append(std::string& out, const Subscription& subscription) {
  const PacketId id = next_id_;
  next_id_ = id == kLastId ? kFirstId : static_cast<PacketId>(id + 1);
  append_subscribe(out, id, subscription.filter, subscription.qos, subscription.no_local);
  return id;
}

void Subscriptions::answered(const Suback& suback) {
  const auto found = asked_.find(suback.packet_id);
  if (found == asked_.end()) return;  // renewed
  found->second->tell(suback.reason < kRefusalsFrom ? std::string() : describe(suback.reason), suback.reason);
  asked_.erase(found);
}

void Subscriptions::give_up(const std::string& problem) {
  for (const auto& [id, outcome] : asked_) outcome->tell(problem);
  asked_.clear();
}

}  // namespace hermes::mqtt
