// One connection to a broker, from CONNECT to its end: packets in, packets out, and PINGREQs in between (MQTT 5, 3.1.2.10). The
// Client gives the packets their meaning.
//
// For one thread; other threads may only set the WakeUp.
#pragma once

#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "adapters/mqtt/client.h"
#include "adapters/mqtt/packets.h"
#include "adapters/mqtt/socket.h"
#include "adapters/mqtt/untaken_packets.h"
#include "base/wake_up.h"

namespace hermes::mqtt {

class Connection {
 public:
  using Clock = std::chrono::steady_clock;

  struct Problem {
    enum class Cause {
      unreachable,
      unknown_host,
      refused_user,
      other_protocol,  // another version of MQTT, or not MQTT
      refused          // by the broker, for good or for now
    };
    std::string message;
    Cause cause = Cause::unreachable;

    const char* advice() const;  // a sentence
  };
  // Connects and waits for the CONNACK, at most settings.connect_timeout, or until `wake` was set and `cancelled` returns true.
  // Requires: `wake` outlives the connection.
  static Result<Connection, Problem> open(const Settings& settings, bool clean_start, WakeUp& wake,
                                          const std::function<bool()>& cancelled);

  const Connack& connack() const { return connack_; }
  // `expiry_asked`: Settings::session_expiry.
  Grants grants(std::chrono::seconds expiry_asked) const;

  // The next packet of the bytes that exchange() has read; nothing if there is none. Its views are valid until the next
  // exchange().
  Result<std::optional<Received>, Malformed> next();

  std::string& out() { return out_; }  // append packets: the next exchange() sends them

  // How many more packets may be appended before a later one would have to wait long (UntakenPackets).
  std::size_t room();

  // Sends out(), then waits until bytes have come, a backlog is sent, `wake` was set, or `until`. After bytes have come, it
  // waits for a moment so that more gather (Settings::gather_for). On failure the connection has ended; the text says why.
  Result<Done, std::string> exchange(Clock::time_point until);

  // Whether the network did not take all of out() at the last send.
  bool has_backlog() const { return backlog_; }

  // Disconnects (MQTT 5, 3.14): sends out() and a DISCONNECT, and waits for the broker to close; at most a second.
  void leave();

 private:
  Connection(Socket socket, const Settings& settings, WakeUp& wake);

  static Result<std::string, Problem> password(const Settings& settings);
  static std::optional<Problem> problem_of(const Connack& connack);
  std::optional<Problem> shake_hands(const Settings& settings, bool clean_start, Clock::time_point deadline,
                                     const std::function<bool()>& cancelled);
  Result<Done, std::string> send();
  Result<Done, std::string> receive();
  Result<Done, std::string> keep_alive(Clock::time_point now);
  Clock::time_point keep_alive_due() const;
  void wait(Clock::time_point until, bool for_bytes);
  void count_packets();
  void ping();
  bool all_sent() const { return out_.size() == sent_; }

  Socket socket_;
  WakeUp* wake_;
  Connack connack_;
  std::chrono::seconds keep_alive_;
  std::chrono::microseconds gather_for_;
  std::size_t packet_bytes_max_;  // 0: any size

  std::string out_;
  std::size_t sent_ = 0;     // of out_
  std::size_t counted_ = 0;  // of out_, in untaken_
  UntakenPackets untaken_;
  bool backlog_ = false;

  std::unique_ptr<char[]> in_;
  std::size_t capacity_;
  std::size_t filled_ = 0;   // of in_
  std::string_view unread_;  // the end of what is filled

  Clock::time_point read_from_;  // when to read the next bytes
  Clock::time_point last_sent_;
  Clock::time_point last_received_;
  std::optional<Clock::time_point> pinged_at_;  // and not answered
};

}  // namespace hermes::mqtt
