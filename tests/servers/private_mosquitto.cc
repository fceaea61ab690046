#include "tests/servers/private_mosquitto.h"

#include <chrono>
#include <cstdlib>
#include <fstream>
#include <stdexcept>
#include <thread>

#include "tests/servers/free_port.h"

namespace hermes::private_servers {
namespace {

constexpr std::chrono::seconds kStartLimit{30};
constexpr std::chrono::milliseconds kPoll{5};
constexpr int kPortAttempts = 5;  // another process may take a port between our look and the broker's start

}  // namespace

PrivateMosquitto::PrivateMosquitto(MosquittoOptions options)
    : options_(std::move(options)), folder_("hermes-mosquitto"), port_(free_port()) {
  for (int attempt = 1;; ++attempt) {
    if (options_.websockets) websockets_port_ = free_port();
    try {
      start();
      return;
    } catch (const std::runtime_error&) {
      if (attempt == kPortAttempts) throw;
      port_ = free_port();
    }
  }
}

PrivateMosquitto::~PrivateMosquitto() { kill(); }

pid_t PrivateMosquitto::pid() const { return process_->pid(); }

void PrivateMosquitto::stop() {
  if (!process_) return;
  process_->kill(SIGCONT);
  process_->stop();
  process_.reset();
}

void PrivateMosquitto::kill() { process_.reset(); }

void PrivateMosquitto::start() {
  write_configuration();
  // Debian keeps it in sbin, which is not in every user's PATH.
  const std::string path = std::string(std::getenv("PATH") ? std::getenv("PATH") : "") + ":/usr/sbin:/usr/local/sbin";
  process_ =
      Process::start({"/usr/bin/env", "PATH=" + path, "mosquitto", "-c", folder_ / "mosquitto.conf"}, {.output = log_file()});
  const auto deadline = std::chrono::steady_clock::now() + kStartLimit;
  // It must be running too: the port may be answered by somebody else.
  while (!accepts_connections(port_) || (options_.websockets && !accepts_connections(websockets_port_))) {
    if (!process_->running() || std::chrono::steady_clock::now() > deadline) {
      const std::string log = process_->output();
      process_.reset();
      throw std::runtime_error("the private Mosquitto did not start: " + log);
    }
    std::this_thread::sleep_for(kPoll);
  }
  if (!process_->running()) throw std::runtime_error("the private Mosquitto did not start: " + process_->output());
}

void PrivateMosquitto::restart() {
  stop();
  start();
}

void PrivateMosquitto::replace_settings(std::vector<std::string> settings) { options_.settings = std::move(settings); }

void PrivateMosquitto::write_configuration() const {
  std::ofstream file(folder_ / "mosquitto.conf");
  file << "listener " << port_ << " 127.0.0.1\n";
  if (options_.websockets) file << "listener " << websockets_port_ << " 127.0.0.1\nsocket_domain ipv4\nprotocol websockets\n";
  file << "allow_anonymous true\n"
          "user root\n"  // only heeded when we are root; otherwise it would change to a user who cannot write here
          "set_tcp_nodelay true\n"
          "max_inflight_messages 0\n"
          "max_queued_messages 1000000\n"
          "log_type error\nlog_type warning\nlog_type notice\n"
          "connection_messages false\n";
  if (options_.persistence) {
    file << "persistence true\npersistence_location " << folder_.path().string() << "/\nautosave_interval 1\n";
  }
  for (const std::string& setting : options_.settings) file << setting << '\n';
  if (!file.flush()) throw std::runtime_error("cannot write " + (folder_ / "mosquitto.conf").string());
}

}  // namespace hermes::private_servers
