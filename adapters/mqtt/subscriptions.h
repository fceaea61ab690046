// What a client is subscribed to, and who waits for the broker's word on it (MQTT 5, 3.8 and 3.9). Not thread-safe.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "adapters/mqtt/in_flight.h"
#include "adapters/mqtt/outcome.h"
#include "adapters/mqtt/packets.h"

namespace hermes::mqtt {

class Subscriptions {
 public:
  // From now on it is wanted, in place of another of that filter: renew() asks for it on every connection to come.
  void want(const std::string& filter, int qos, bool no_local);

  // Appends a SUBSCRIBE. `outcome` is told the SUBACK's reason, which is the QoS granted or a failure. Requires: it is wanted.
  void ask(std::string& out, const std::string& filter, OutcomePtr outcome);
  // The broker has no session: all are asked for anew, and nobody waits.
  void renew(std::string& out);

  void answered(const Suback& suback);
  // The connection has ended: nothing is answered any more.
  void give_up(const std::string& problem);

 private:
  // Publishes have the identifiers below.
  static constexpr PacketId kFirstId = InFlight::kMax + 1;
  static constexpr PacketId kLastId = 65'535;

  struct Subscription {
    std::string filter;
    int qos;
    bool no_local;
  };
  PacketId append(std::string& out, const Subscription& subscription);

  std::vector<Subscription> wanted_;
  std::map<PacketId, OutcomePtr> asked_;
  PacketId next_id_ = kFirstId;
};

}  // namespace hermes::mqtt
