// What tests of the ingester share: a broker, a database with an empty log, `hermes ingest` processes, and clients that we did
// not write (mosquitto_pub, mosquitto_sub). Every IngestStack has a log and a topic of its own; broker and cluster are shared
// by the tests of a binary.
//
// Not thread-safe.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "tests/support/database.h"
#include "tests/support/log_fixture.h"
#include "tests/support/servers.h"

namespace hermes::test_support {

class IngestStack {
 public:
  explicit IngestStack(int partitions = eventstore::kDefaultPartitionCount);

  PrivateMosquitto& broker();
  PrivatePostgres& postgres();
  Database& database() { return database_; }
  const std::string& topic() const { return topic_; }  // MQTT_TOPIC

  struct Ingester {
    Process process;
    std::uint16_t http_port;
    std::string name;
    std::filesystem::path spool;

    std::string log() const { return process.output(); }
  };
  // An ingester of that name has its session and its spool, also in its next life. `flags`: of hermes ingest.
  Ingester start_ingester(const std::string& name, const std::vector<std::string>& flags = {});
  // As start_ingester(), and waits until it is ready. Throws std::runtime_error with its log.
  Ingester ready_ingester(const std::string& name = "one", const std::vector<std::string>& flags = {});
  static bool ready(const Ingester& ingester);
  // The value of a metric ("hermes_ingest_received_messages_total"), summed over its labels.
  static double metric(const Ingester& ingester, std::string_view name);

  // By mosquitto_pub, to {topic}/{below}, or to {topic}.
  void publish(std::string_view below, const std::string& payload, int qos = 1);
  void publish_lines(std::string_view below, const std::vector<std::string>& payloads, int qos = 1);

  // By mosquitto_sub, from the moment it returns.
  Process listen(std::string_view below);
  static std::vector<std::string> heard(const Process& listener);

  // JSON as clients write it.
  static std::string message(std::string_view id, std::string_view sender = "fredy", std::string_view receiver = "david",
                             std::string_view content = "hello");
  static std::string status(std::string_view id, std::string_view status, std::string_view user);
  static std::string typing(std::string_view sender, std::string_view receiver, bool is_typing);

  // Rows of event_log, as text: "message/m1 0 MessageSent fredy".
  std::vector<std::string> events();
  std::int64_t count(const std::string& sql_condition);  // of event_log

 private:
  std::string topic_;
  TemporaryFolder folder_;
  Database database_;
};

}  // namespace hermes::test_support
