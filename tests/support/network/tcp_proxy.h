// A TCP proxy on 127.0.0.1 that loses connections where a test says: what a failing network or a dying host looks like to a
// client. What was forwarded before the cut arrives; what comes after it does not, and both sides see the connection end.
//
// Thread-safe.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <string_view>

namespace hermes::test_support {

// The last words of an MQTT 5 broker to a client whose session another has now (3.14.2.1); Mosquitto before 2.0.15 has none.
inline constexpr std::string_view kSessionTakenOver{"\xe0\x02\x8e\x00", 4};

class TcpProxy {
 public:
  // Forwards to 127.0.0.1:`target_port`.
  explicit TcpProxy(std::uint16_t target_port);
  ~TcpProxy();

  std::uint16_t port() const;

  // Bytes that clients have sent and servers have answered, over all connections, as far as they were forwarded.
  std::uint64_t client_bytes() const;
  std::uint64_t server_bytes() const;

  // Cuts all connections as soon as clients have sent that many bytes more (the last of them is still forwarded), or servers
  // have answered that many more. Then the proxy works again. 0 cuts at once.
  void cut_after_client_bytes(std::uint64_t count);
  void cut_after_server_bytes(std::uint64_t count);
  // Cuts all connections at once; clients read these bytes before the end.
  void cut_after_last_words(std::string_view bytes);
  // From now on everything takes that much longer, in each direction: a slow network, or a slow server.
  void delay(std::chrono::milliseconds duration);
  // From now on nothing is forwarded, the end of a connection neither, and connections stay: a host that is gone without a
  // word, or a server that hangs.
  void hold();
  // Takes back what was asked for and has not happened; what was held goes on.
  void let_through();
  // How often connections were cut.
  std::uint64_t cuts() const;

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace hermes::test_support
