// An HTTP service of canned answers, in the place of `hermes serve`. For tests; link PkgConfig::httplib.
#pragma once

#include <httplib.h>

#include <cstdint>
#include <map>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

namespace hermes::test_support {

class CannedService {
 public:
  CannedService() {
    server_.Get(".*", [this](const httplib::Request& request, httplib::Response& response) {
      const std::lock_guard lock(mutex_);
      asked_.push_back(request.target);
      const auto found = answers_.find(request.path);
      response.status = found == answers_.end() ? 404 : 200;
      response.set_content(
          found == answers_.end() ? R"({"detail": "There is nothing at )" + request.path + R"("})" : found->second,
          "application/json");
    });
    port_ = server_.bind_to_any_port("127.0.0.1");
    thread_ = std::thread([this] { server_.listen_after_bind(); });
    while (!server_.is_running()) std::this_thread::yield();
  }
  ~CannedService() {
    server_.stop();
    thread_.join();
  }
  CannedService(const CannedService&) = delete;
  CannedService& operator=(const CannedService&) = delete;

  // From now on; every other path is answered with 404.
  void answer(const std::string& path, const std::string& json) {
    const std::lock_guard lock(mutex_);
    answers_[path] = json;
  }
  // Path and parameters of each request until now.
  std::vector<std::string> asked() {
    const std::lock_guard lock(mutex_);
    return asked_;
  }
  int port() const { return port_; }

 private:
  std::mutex mutex_;
  std::map<std::string, std::string> answers_;
  std::vector<std::string> asked_;
  httplib::Server server_;
  int port_ = 0;
  std::thread thread_;
};

}  // namespace hermes::test_support
