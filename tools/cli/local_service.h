// A service of this machine, asked over HTTP. Most listen on the loopback address of one family (hermes serve --host ::1), and
// whoever asks need not know which.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>

namespace httplib {
class Result;
}

namespace hermes::tools {

class LocalService {
 public:
  // `host` empty: 127.0.0.1, or ::1 where nobody listens at that. "0.0.0.0" and "::" (every address) are asked at their
  // loopback address. `limit`: of connecting, and of each read.
  LocalService(std::string host, std::uint16_t port, std::chrono::seconds limit);

  httplib::Result get(const std::string& path);

  // Of the last answer, or of the last attempt: "127.0.0.1:9464".
  const std::string& address() const { return address_; }

 private:
  const std::string host_;
  const std::uint16_t port_;
  const std::chrono::seconds limit_;
  std::string address_;
};

}  // namespace hermes::tools
