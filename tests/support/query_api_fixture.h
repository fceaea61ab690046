// What tests of the query service share: a service over HTTP on a log and read models of its own for every test. For tests with
// GoogleTest; link hermes::query_api and PkgConfig::httplib.
#pragma once

#include <gtest/gtest.h>
#include <httplib.h>

#include <boost/json.hpp>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "adapters/http/query_api.h"
#include "tests/support/log_fixture.h"

namespace hermes::test_support {

struct Answer {
  int status = 0;
  std::string content_type;
  boost::json::value body;
};

class QueryApiFixture : public testing::Test {
 protected:
  static void SetUpTestSuite() { log_ = new LogServer; }
  static void TearDownTestSuite() { delete log_; }

  void SetUp() override {
    log_->new_log();
    database_ = std::make_unique<Database>(log_->settings());
    serve(8);
  }
  void TearDown() override { server_->stop(); }

  void serve(std::size_t connections) {
    pool_ = std::make_unique<postgres::ConnectionPool>(log_->settings("hermes_reader"), connections, http::make_read_only);
    api_ = std::make_unique<http::QueryApi>(*pool_, [this](const std::string& line) {
      const std::lock_guard lock(mutex_);
      errors_.push_back(line);
    });
    http::Settings settings;
    settings.threads = 32;
    settings.waiting_max = 512;
    server_ = std::make_unique<http::Server>(settings);
    api_->mount(*server_);
    ASSERT_TRUE(server_->start());
  }

  Answer get(const std::string& path) const {
    httplib::Client client("127.0.0.1", server_->port());
    client.set_connection_timeout(60);
    client.set_read_timeout(60);
    const httplib::Result result = client.Get(path);
    if (!result) return {};
    return {result->status, result->get_header_value("Content-Type"), boost::json::parse(result->body)};
  }

  // Rows as a projector would write them, in bulk: `count` messages of the conversation fredy-david, several at each time.
  void insert_messages(int from, int to) {
    database_->execute(
        "INSERT INTO chat_messages (message_id, sender_id, sender_name, receiver_id, content, created_at) "
        "SELECT 'm' || i, CASE i % 2 WHEN 0 THEN 'fredy' ELSE 'david' END, 'F', CASE i % 2 WHEN 0 THEN 'david' ELSE 'fredy' "
        "END, 'text', "
        "timestamptz '2026-01-01' + (i / 7) * interval '1 ms' FROM generate_series(" +
        std::to_string(from) + ", " + std::to_string(to - 1) + ") i");
  }

  static inline LogServer* log_ = nullptr;
  std::unique_ptr<Database> database_;
  std::unique_ptr<postgres::ConnectionPool> pool_;
  std::unique_ptr<http::QueryApi> api_;
  std::unique_ptr<http::Server> server_;
  std::mutex mutex_;
  std::vector<std::string> errors_;
};

}  // namespace hermes::test_support
