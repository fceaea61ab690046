#include "adapters/mqtt/subscriptions.h"

#include <algorithm>
#include <utility>

#include "adapters/mqtt/reason_code.h"

namespace hermes::mqtt {
namespace {

template <class Outcomes>
void tell(const Outcomes& outcomes, std::uint8_t reason) {
  for (const OutcomePtr& outcome : outcomes) outcome->tell(reason < kRefusalsFrom ? std::string() : describe(reason), reason);
}

}  // namespace

void Subscriptions::want(const Subscribe& subscribe) {
  const Subscription* known = find(subscribe.filter);
  if (known != nullptr && known->qos == subscribe.qos && known->no_local == subscribe.no_local &&
      known->with_retained == subscribe.with_retained) {
    return;
  }
  want_no_more(std::string(subscribe.filter));
  wanted_.push_back({.filter = std::string(subscribe.filter),
                     .qos = subscribe.qos,
                     .no_local = subscribe.no_local,
                     .with_retained = subscribe.with_retained});
}

void Subscriptions::want_no_more(const std::string& filter) {
  std::erase_if(wanted_, [&](const Subscription& known) { return known.filter == filter; });
}

void Subscriptions::ask(std::string& out, const std::string& filter, OutcomePtr outcome, Clock::time_point now) {
  for (auto& [id, request] : asked_) {
    if (request.filter != filter || !request.renewal) continue;
    request.outcomes.push_back(std::move(outcome));
    return;
  }
  append(out, *find(filter), now).outcomes.push_back(std::move(outcome));
}

void Subscriptions::ask_to_end(std::string& out, const std::string& filter, OutcomePtr outcome, Clock::time_point now) {
  const PacketId id = take_id();
  append_unsubscribe(out, id, filter);
  asked_to_end_[id] = {.filter = filter, .outcomes = {std::move(outcome)}, .asked_at = now};
}

void Subscriptions::connected(std::string& out, bool session_present, Clock::time_point now) {
  for (Subscription& subscription : wanted_) {
    subscription.granted = subscription.granted && session_present;
    if (!subscription.granted) append(out, subscription, now).renewal = true;
  }
}

Subscriptions::Subscription* Subscriptions::find(std::string_view filter) {
  const auto found = std::ranges::find(wanted_, filter, &Subscription::filter);
  return found == wanted_.end() ? nullptr : &*found;
}

PacketId Subscriptions::take_id() {
  return std::exchange(next_id_, next_id_ == kLastId ? kFirstId : static_cast<PacketId>(next_id_ + 1));
}

Subscriptions::Request& Subscriptions::append(std::string& out, const Subscription& subscription, Clock::time_point now) {
  const PacketId id = take_id();
  append_subscribe(out, id,
                   {.filter = subscription.filter,
                    .qos = subscription.qos,
                    .no_local = subscription.no_local,
                    .with_retained = subscription.with_retained});
  return asked_[id] = {.filter = subscription.filter, .outcomes = {}, .asked_at = now};
}

bool Subscriptions::granted() const { return !wanted_.empty() && std::ranges::all_of(wanted_, &Subscription::granted); }

std::string Subscriptions::answered(const Suback& suback) {
  const auto found = asked_.find(suback.packet_id);
  if (found == asked_.end()) return {};  // the broker's mistake, but harmless
  const Request request = std::move(found->second);
  asked_.erase(found);
  const bool granted = suback.reason < kRefusalsFrom;
  if (Subscription* subscription = find(request.filter)) subscription->granted = granted;
  tell(request.outcomes, suback.reason);
  if (granted || !request.renewal) return {};
  return "no subscription to " + request.filter + ": " + describe(suback.reason);
}

void Subscriptions::answered(const Unsuback& unsuback) {
  const auto found = asked_to_end_.find(unsuback.packet_id);
  if (found == asked_to_end_.end()) return;
  tell(found->second.outcomes, unsuback.reason);
  asked_to_end_.erase(found);
}

Subscriptions::Clock::time_point Subscriptions::overdue_at() const {
  auto due = Clock::time_point::max();
  for (const auto* requests : {&asked_, &asked_to_end_}) {
    for (const auto& [id, request] : *requests) {
      const Clock::time_point silent_since = std::max(request.asked_at, messages_at_);
      due = std::min({due, silent_since + timeout_, request.asked_at + std::max<Clock::duration>(timeout_, kLongestWait)});
    }
  }
  return due;
}

void Subscriptions::give_up(const std::string& problem) {
  for (auto* requests : {&asked_, &asked_to_end_}) {
    for (const auto& [id, request] : *requests) {
      for (const OutcomePtr& outcome : request.outcomes) outcome->tell(problem);
    }
    requests->clear();
  }
}

}  // namespace hermes::mqtt
