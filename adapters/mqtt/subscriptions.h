// The subscriptions that a client wants, the broker's answers to them, and the threads that wait for an answer (MQTT 5, 3.8 to
// 3.11). Not thread-safe.
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

  // `timeout`: how long the broker may leave a request unanswered while no message comes either.
  explicit Subscriptions(std::chrono::milliseconds timeout) : timeout_(timeout) {}

  // From now on this subscription is wanted, instead of any other with that filter: connected() asks for it if the broker's
  // session lacks it.
  void want(const Subscribe& subscribe);
  void want_no_more(const std::string& filter);

  // Appends a SUBSCRIBE, unless the same one is under way. `outcome` gets the SUBACK's reason: the QoS granted, or a failure.
  // Requires: it is wanted.
  void ask(std::string& out, const std::string& filter, OutcomePtr outcome, Clock::time_point now);
  // Appends an UNSUBSCRIBE. If there was no such subscription, that is a success.
  void ask_to_end(std::string& out, const std::string& filter, OutcomePtr outcome, Clock::time_point now);

  // On a new connection, asks for all subscriptions that the broker has not granted in its present session.
  void connected(std::string& out, bool session_present, Clock::time_point now);

  // Whether anything is wanted, and the broker has granted all of it.
  bool granted() const;

  // If the broker refuses a subscription that it granted on an earlier connection, returns why this connection must end; the
  // next one asks again. Otherwise returns an empty text.
  std::string answered(const Suback& suback);
  void answered(const Unsuback& unsuback);

  // Messages came, which extends the wait: an answer comes behind all messages that the broker has queued for us.
  void heard_messages(Clock::time_point now) { messages_at_ = now; }
  // When the wait for an answer ends; time_point::max() if no answer is awaited.
  Clock::time_point overdue_at() const;

  // The connection has ended: tells all who wait that no answer will come.
  void give_up(const std::string& problem);

 private:
  // Publishes use the identifiers below.
  static constexpr PacketId kFirstId = InFlight::kMax + 1;
  static constexpr PacketId kLastId = 65'535;
  // The limit of a wait that messages extend: all that a broker may have under way to us (65,535) have arrived by then.
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
