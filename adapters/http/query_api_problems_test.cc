// The query service (docs/openapi.yaml) over HTTP, on a real database: bad requests, and load.
#include <gmock/gmock.h>

#include <atomic>
#include <fstream>
#include <map>
#include <mutex>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "tests/support/eventually.h"
#include "tests/support/query_api_fixture.h"

namespace hermes::http {
namespace {

using namespace test_support;
using testing::HasSubstr;

namespace json = boost::json;

class QueryApiProblems : public QueryApiFixture {};

TEST_F(QueryApiProblems, BadParametersAreProblemsThatNameThem) {
  const std::string id = "00000000-0000-0000-0000-000000000000";
  const std::vector<std::pair<std::string, std::string>> bad = {
      {"/v1/messages", "user"},
      {"/v1/messages?user=", "user"},
      {"/v1/messages?user=a%00b", "user"},
      {"/v1/messages?user=%ff", "user"},
      {"/v1/messages?user=" + std::string(101, 'x'), "user"},
      {"/v1/messages?user=a&with=b%2Fc", "with"},
      {"/v1/messages?user=a&limit=0", "limit"},
      {"/v1/messages?user=a&limit=501", "limit"},
      {"/v1/messages?user=a&limit=-1", "limit"},
      {"/v1/messages?user=a&limit=1x", "limit"},
      {"/v1/messages?user=a&limit=", "limit"},
      {"/v1/messages?user=a&limit=99999999999999999999999", "limit"},
      {"/v1/messages?user=a&limit=1&limit=2", "limit"},
      {"/v1/messages?user=a&wiht=b", "wiht"},
      {"/v1/messages?user=a&before=", "before"},
      {"/v1/messages?user=a&before=1", "before"},
      {"/v1/messages?user=a&before=1.x", "before"},
      {"/v1/messages?user=a&before=-1." + id, "before"},
      {"/v1/messages?user=a&before=999999999999999999." + id, "before"},
      {"/v1/messages?user=a&before=1." + id + "'", "before"},
      {"/v1/messages/a%00b", "message_id"},
      {"/v1/messages/m/status?after=x", "after"},
      {"/v1/messages/m/status?limit=9999", "limit"},
      {"/v1/inbox/a%23b", "user_id"},
      {"/v1/users?after=%C3", "after"},
      {"/v1/users?page=2", "page"},
  };
  for (const auto& [path, parameter] : bad) {
    const Answer answer = get(path);
    EXPECT_EQ(answer.status, 400) << path;
    EXPECT_EQ(answer.content_type, "application/problem+json") << path;
    if (answer.status != 400) continue;
    EXPECT_EQ(answer.body.at("parameter").as_string(), parameter) << path;
    EXPECT_EQ(answer.body.at("status"), 400);
    EXPECT_THAT(std::string(answer.body.at("detail").as_string()), testing::StartsWith(parameter + " ")) << path;
  }
  EXPECT_EQ(get("/v2/messages").status, 404);
  httplib::Client client("127.0.0.1", server_->port());
  EXPECT_EQ(client.Post("/v1/messages", "x", "text/plain")->status, 405);
}

// By path, the status codes that the description has for it.
std::map<std::string, std::set<std::string>> described_answers() {
  std::ifstream file(HERMES_OPENAPI);
  std::map<std::string, std::set<std::string>> described;
  std::string path;
  for (std::string line; std::getline(file, line) && line != "components:";) {
    if (line.starts_with("  /")) path = line.substr(2, line.find(':') - 2);
    if (line.starts_with("        '")) described[path].insert(line.substr(9, 3));
  }
  return described;
}

TEST_F(QueryApiProblems, AnswersOnlyWhatItsDescriptionHas) {
  const auto described = described_answers();
  EXPECT_EQ(described.size(), 9u);
  httplib::Client client("127.0.0.1", server_->port());
  client.set_read_timeout(60);
  for (const auto& [pattern, codes] : described) {
    const std::string path = pattern.substr(0, pattern.find('{')) +
                             (pattern.find('{') == std::string::npos ? "" : "none" + pattern.substr(pattern.find('}') + 1));
    httplib::Request with_body;
    with_body.method = "GET";
    with_body.path = path;
    with_body.body = std::string(100'000, 'x');
    const std::vector<std::pair<int, httplib::Result>> wrong = [&] {
      std::vector<std::pair<int, httplib::Result>> all;
      all.emplace_back(400, client.Get(path + "?wiht=b"));
      all.emplace_back(405, client.Post(path));
      all.emplace_back(405, client.Patch(path));
      all.emplace_back(413, client.send(with_body));
      all.emplace_back(414, client.Get(path + "?user=" + std::string(9'000, 'x')));
      return all;
    }();
    for (const auto& [status, result] : wrong) {
      ASSERT_TRUE(result) << path << " " << status << " " << httplib::to_string(result.error());
      EXPECT_EQ(result->status, status) << path;
      EXPECT_TRUE(codes.contains(std::to_string(result->status)))
          << pattern << " does not say that it may be " << result->status;
      const json::value body = json::parse(result->body);
      for (const char* member : {"type", "title", "status", "detail"})
        EXPECT_TRUE(body.as_object().contains(member)) << result->body;
    }
    const httplib::Result asked = client.Get(path);
    ASSERT_TRUE(asked) << path;
    EXPECT_TRUE(codes.contains(std::to_string(asked->status))) << pattern << " does not say that it may be " << asked->status;
  }
}

TEST_F(QueryApiProblems, TwoHundredReadersAtOnceAreAllAnswered) {
  insert_messages(0, 1000);
  constexpr int kReaders = 200;
  constexpr int kRequests = 5;
  std::atomic<int> answered{0};
  std::mutex mutex;
  std::map<int, int> statuses;
  std::vector<std::thread> readers;
  for (int i = 0; i < kReaders; ++i) {
    readers.emplace_back([&] {
      httplib::Client client("127.0.0.1", server_->port());
      client.set_connection_timeout(60);
      client.set_read_timeout(60);
      for (int request = 0; request < kRequests; ++request) {
        httplib::Result result = client.Get("/v1/messages?user=david&with=fredy&limit=50");
        // On a machine that is busy with others some are asked to come again.
        while (result && result->status == 503 && result->has_header("Retry-After"))
          result = client.Get("/v1/messages?user=david&with=fredy&limit=50");
        const bool whole = result && result->status == 200 && json::parse(result->body).at("messages").as_array().size() == 50;
        if (whole) ++answered;
        const std::lock_guard lock(mutex);
        ++statuses[result ? result->status : 0];
      }
    });
  }
  for (std::thread& reader : readers) reader.join();
  EXPECT_EQ(answered, kReaders * kRequests) << testing::PrintToString(statuses);
  EXPECT_LE(
      std::stoi(database_->value(
          "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND backend_type = 'client backend'")),
      8 + 1);
}

TEST_F(QueryApiProblems, ADatabaseThatIsAwayIsAProblemUntilItIsBack) {
  insert_messages(0, 10);
  EXPECT_EQ(get("/healthz").status, 200);
  log_->postgres().stop();
  const Answer away = get("/v1/messages?user=david&with=fredy");
  EXPECT_EQ(away.status, 503);
  EXPECT_EQ(away.content_type, "application/problem+json");
  EXPECT_EQ(get("/healthz").status, 503);
  log_->postgres().start();
  EXPECT_TRUE(eventually([&] { return get("/healthz").status == 200; }));
  // Not one of the connections that died is left to trip over.
  for (int i = 0; i < 20; ++i) EXPECT_EQ(get("/v1/messages?user=david&with=fredy").status, 200);
}

TEST_F(QueryApiProblems, ABusyPoolIsAProblemAndNotAQueueWithoutEnd) {
  server_->stop();
  serve(1);
  EXPECT_EQ(get("/healthz").status, 200);
  auto taken = pool_->take(std::chrono::seconds(1));
  ASSERT_TRUE(taken);
  const Answer answer = get("/healthz");
  EXPECT_EQ(answer.status, 503);
  EXPECT_THAT(std::string(answer.body.at("detail").as_string()), HasSubstr("Too many requests"));
}

}  // namespace
}  // namespace hermes::http
