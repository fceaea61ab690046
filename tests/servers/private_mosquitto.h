// A Mosquitto broker of one's own, on a free port of 127.0.0.1. Its queues are as deep as those of deploy/mosquitto. It is gone
// with the object, and with this process.
//
// Not thread-safe.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "tests/servers/process.h"
#include "tests/servers/temporary_folder.h"

namespace hermes::private_servers {

struct MosquittoOptions {
  bool websockets = false;              // a second listener, on websockets_port()
  bool persistence = true;              // sessions and queues survive stop(), and a kill up to the last autosave (1 s)
  std::vector<std::string> settings{};  // more lines of mosquitto.conf: "max_queued_messages 10"; they come after ours
};

class PrivateMosquitto {
 public:
  // Starts and waits until it answers. Throws std::runtime_error with the end of the broker's log.
  explicit PrivateMosquitto(MosquittoOptions options = {});
  ~PrivateMosquitto();
  PrivateMosquitto(const PrivateMosquitto&) = delete;

  std::uint16_t port() const { return port_; }
  std::uint16_t websockets_port() const { return websockets_port_; }  // Requires: websockets
  std::filesystem::path log_file() const { return folder_ / "mosquitto.log"; }
  pid_t pid() const;  // Requires: running

  void stop();   // SIGTERM: it saves its sessions
  void kill();   // SIGKILL
  void start();  // on the same port. Requires: stopped or killed
  void restart();
  void replace_settings(std::vector<std::string> settings);  // MosquittoOptions::settings, from the next start on

 private:
  void write_configuration() const;

  MosquittoOptions options_;
  TemporaryFolder folder_;
  std::uint16_t port_;
  std::uint16_t websockets_port_ = 0;
  std::optional<Process> process_;
};

}  // namespace hermes::private_servers
