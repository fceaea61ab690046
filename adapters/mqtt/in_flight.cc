#include "adapters/mqtt/in_flight.h"

#include <cassert>
#include <utility>

#include "adapters/mqtt/reason_code.h"

namespace hermes::mqtt {

void InFlight::add(std::string_view topic, std::string_view payload, bool retained, OutcomePtr outcome) {
  assert(!full());
  entries_.push_back({std::string(topic), std::string(payload), retained, std::move(outcome)});
}

void InFlight::send_more(std::string& out, std::size_t receive_maximum) {
  for (; sent_ < entries_.size(); ++sent_) {
    const Entry& entry = entries_[sent_];
    if (entry.done) continue;
    if (under_way_ >= receive_maximum) return;
    ++under_way_;
    append_publish(out, {.topic = entry.topic,
                         .payload = entry.payload,
                         .qos = 1,
                         .packet_id = static_cast<PacketId>((first_id_ - 1 + sent_) % kMax + 1),
                         .retained = entry.retained,
                         .duplicate = entry.sent_before});
  }
}

void InFlight::connected(bool session_present) {
  for (std::size_t at = 0; at < entries_.size(); ++at) {
    entries_[at].sent_before = session_present && (entries_[at].sent_before || at < sent_);
  }
  sent_ = under_way_ = 0;
}

bool InFlight::acknowledged(PacketId packet_id, std::uint8_t reason) {
  if (packet_id == 0 || packet_id > kMax) return false;
  const std::size_t at = (packet_id + kMax - first_id_) % kMax;
  if (at >= sent_ || entries_[at].done) return false;
  Entry& entry = entries_[at];
  if (entry.outcome) entry.outcome->tell(reason < kRefusalsFrom ? std::string() : describe(reason), reason);
  entry.done = true;
  --under_way_;
  while (!entries_.empty() && entries_.front().done) {
    entries_.pop_front();
    first_id_ = static_cast<PacketId>(first_id_ % kMax + 1);
    if (sent_ > 0) --sent_;
  }
  return true;
}

void InFlight::give_up(const std::string& problem) {
  for (const Entry& entry : entries_) {
    if (entry.outcome && !entry.done) entry.outcome->tell(problem);
  }
  entries_.clear();
  sent_ = under_way_ = 0;
}

}  // namespace hermes::mqtt
