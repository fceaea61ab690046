// What a client is subscribed to, what the broker has said to it, and who waits for its word (MQTT 5, 3.8 to 3.11).
// Not thread-safe.
#pragma once

#include <chrono>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "adapters/mqtt/in_flight.h"
#include "adapters/mqtt/outcome.h"
#include "adapters/mqtt/packets.h"

namespace hermes::mqtt {

class Subscriptions {
 public:
  using Clock = std::chrono::steady_clock;

  // `timeout`: how long the broker may leave a request without an answer while nothing else comes either.
  explicit Subscriptions(std::chrono::milliseconds timeout) : timeout_(timeout) {}

  // From now on it is wanted, in place of another of that filter: connected() asks for it when the broker's session lacks it.
  void want(const Subscribe& subscribe);
  void want_no_more(const std::string& filter);

  // Appends a SUBSCRIBE, unless the same one is under way. `outcome` is told the SUBACK's reason, which is the QoS granted or a
  // failure. Requires: it is wanted.
  void ask(std::string& out, const std::string& filter, OutcomePtr outcome, Clock::time_point now);
  // Appends an UNSUBSCRIBE. That there was no such subscription is a success.
  void ask_to_end(std::string& out, const std::string& filter, OutcomePtr outcome, Clock::time_point now);

  // On a new connection all are asked for anew that the broker has not granted in the session that it has.
  void connected(std::string& out, bool session_present, Clock::time_point now);

  // Something is subscribed to, and the broker has granted everything that is wanted.
  bool granted() const;

  // Returns why the connection must end: the broker refuses what it granted on an earlier one. Otherwise it is empty. The next
  // connection asks again.
  std::string answered(const Suback& suback);
  void answered(const Unsuback& unsuback);

  // Messages came. An answer stands in line behind all that the broker has queued for us.
  void heard_messages(Clock::time_point now) { messages_at_ = now; }
  // When the broker has been waited for long enough; time_point::max() when nothing is to be answered.
  Clock::time_point overdue_at() const;

  // The connection has ended: nothing is answered any more.
  void give_up(const std::string& problem);

 private:
  // Publishes have the identifiers below.
  static constexpr PacketId kFirstId = InFlight::kMax + 1;
  static constexpr PacketId kLastId = 65'535;
  // The limit of a wait that messages make longer: as many as a broker may have under way to us (65,535) are through by then.
  static constexpr std::chrono::minutes kLongestWait{5};

  struct Subscription {
    std::string filter;
    int qos;
    bool no_local;
    bool with_retained;
    bool granted = false;
  };
  struct Request {
    std::string filter;
    std::vector<OutcomePtr> outcomes;
    bool renewal = false;  // made by connected()
    Clock::time_point asked_at;
  };

  Subscription* find(std::string_view filter);
  Request& append(std::string& out, const Subscription& subscription, Clock::time_point now);
  PacketId take_id();

  const std::chrono::milliseconds timeout_;
  std::vector<Subscription> wanted_;
  std::map<PacketId, Request> asked_;
  std::map<PacketId, Request> asked_to_end_;
  PacketId next_id_ = kFirstId;
  Clock::time_point messages_at_;
};

}  // namespace hermes::mqtt
