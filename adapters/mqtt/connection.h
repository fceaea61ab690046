// One connection to a broker, from its CONNECT to its end: packets in, packets out, and PINGREQs in between (MQTT 5, 3.1.2.10).
// What it carries is for the Client.
//
// One thread; only the WakeUp may be set by others.
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
      other_protocol,  // MQTT of another version, or none at all
      refused          // what was asked for, or for now
    };
    std::string message;
    Cause cause = Cause::unreachable;

    const char* advice() const;  // a sentence
  };
  // Connects, and waits for the CONNACK, for settings.connect_timeout at most, or until `wake` was set and `cancelled` says
  // yes. Requires: `wake` outlives the connection.
  static Result<Connection, Problem> open(const Settings& settings, bool clean_start, WakeUp& wake,
                                          const std::function<bool()>& cancelled);

  const Connack& connack() const { return connack_; }
  // `expiry_asked`: Settings::session_expiry.
  Grants grants(std::chrono::seconds expiry_asked) const;

  // The next packet of what exchange() has read; nothing when there is none. Its views are valid until the next exchange().
  Result<std::optional<Received>, Malformed> next();

  std::string& out() { return out_; }  // append packets: the next exchange() sends them

  // How many packets more may be appended before what comes next would wait for long (UntakenPackets).
  std::size_t room();

  // Sends what there is to send, and waits until something has come, a backlog is sent, `wake` was set, or `until`. After bytes
  // have come the broker's next ones are left to gather for a moment (Settings::gather_for). The failure is the end of the
  // connection, and says why.
  Result<Done, std::string> exchange(Clock::time_point until);

  // The network did not take all of out() when it was last sent.
  bool has_backlog() const { return backlog_; }

  // Takes leave (MQTT 5, 3.14): what is in out(), a DISCONNECT, and the broker's end of it; for a second at most.
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

  Clock::time_point read_from_;  // when the next bytes are looked for
  Clock::time_point last_sent_;
  Clock::time_point last_received_;
  std::optional<Clock::time_point> pinged_at_;  // and not answered
};

}  // namespace hermes::mqtt
