#include "tests/support/ingest_stack.h"

#include <fstream>
#include <sstream>
#include <stdexcept>

#include "tests/support/eventually.h"

namespace hermes::test_support {
namespace {

LogServer& log_server() {
  static LogServer server;
  return server;
}

PrivateMosquitto& the_broker() {
  static PrivateMosquitto broker;
  return broker;
}

int next_number() {
  static int number = 0;
  return ++number;
}

std::string http_get(std::uint16_t port, std::string_view path) {
  return run({"curl", "--silent", "--fail", "--max-time", "10", "http://127.0.0.1:" + std::to_string(port) + std::string(path)})
      .output;
}

postgres::Settings new_log(int partitions) {
  log_server().new_log(partitions);
  return log_server().settings();
}

}  // namespace

IngestStack::IngestStack(int partitions)
    : topic_("test" + std::to_string(next_number()) + "/messages"), database_(new_log(partitions)) {
  the_broker();
}

PrivateMosquitto& IngestStack::broker() { return the_broker(); }
PrivatePostgres& IngestStack::postgres() { return log_server().postgres(); }

IngestStack::Ingester IngestStack::start_ingester(const std::string& name, const std::vector<std::string>& flags) {
  const std::uint16_t port = free_port();
  const std::filesystem::path spool = folder_ / (name + ".spool");
  Environment environment = environment_for(postgres(), the_broker());
  environment["POSTGRES_DB"] = log_server().settings().database;
  environment["MQTT_TOPIC"] = topic_;
  environment["HERMES_HTTP_PORT"] = std::to_string(port);
  environment["HERMES_SPOOL_DIR"] = spool;
  environment["HERMES_CLIENT_ID"] = topic_.substr(0, topic_.find('/')) + "-" + name;
  std::vector<std::string> command = {hermes_command(), "ingest"};
  command.insert(command.end(), flags.begin(), flags.end());
  return {Process::start(command, {.environment = environment, .folder = folder_.path(), .output = folder_ / (name + ".log")}),
          port, name, spool};
}

IngestStack::Ingester IngestStack::ready_ingester(const std::string& name, const std::vector<std::string>& flags) {
  Ingester ingester = start_ingester(name, flags);
  if (!eventually([&] { return ready(ingester); })) throw std::runtime_error("the ingester is not ready:\n" + ingester.log());
  return ingester;
}

bool IngestStack::ready(const Ingester& ingester) { return !http_get(ingester.http_port, "/readyz").empty(); }

double IngestStack::metric(const Ingester& ingester, std::string_view name) {
  std::istringstream lines(http_get(ingester.http_port, "/metrics"));
  double sum = 0;
  for (std::string line; std::getline(lines, line);) {
    if (!line.starts_with(name)) continue;
    const char after = line[name.size()];
    if (after == ' ' || after == '{') sum += std::stod(line.substr(line.rfind(' ')));
  }
  return sum;
}

void IngestStack::publish(std::string_view below, const std::string& payload, int qos) {
  const std::string topic = below.empty() ? topic_ : topic_ + "/" + std::string(below);
  const Finished finished = run({"mosquitto_pub", "-V", "5", "-h", "127.0.0.1", "-p", std::to_string(the_broker().port()), "-q",
                                 std::to_string(qos), "-t", topic, "-s"},
                                {}, payload);
  if (finished.exit_code != 0) throw std::runtime_error("mosquitto_pub: " + finished.errors);
}

void IngestStack::publish_lines(std::string_view below, const std::vector<std::string>& payloads, int qos) {
  std::string lines;
  for (const std::string& payload : payloads) lines += payload + "\n";
  const std::string topic = below.empty() ? topic_ : topic_ + "/" + std::string(below);
  const Finished finished = run({"mosquitto_pub", "-V", "5", "-h", "127.0.0.1", "-p", std::to_string(the_broker().port()), "-q",
                                 std::to_string(qos), "-t", topic, "-l"},
                                {}, lines, std::chrono::seconds(120));
  if (finished.exit_code != 0) throw std::runtime_error("mosquitto_pub: " + finished.errors);
}

Process IngestStack::listen(std::string_view below) {
  const std::filesystem::path output = folder_ / ("heard" + std::to_string(next_number()));
  const std::string topic = topic_ + "/" + std::string(below);
  // Line by line (stdbuf), for mosquitto_sub buffers what it writes to a file.
  // -d writes the SUBACK to the output as well: from then on nothing is missed. Its lines are told apart by their prefix.
  Process process = Process::start({"stdbuf", "-oL", "mosquitto_sub", "-d", "-V", "5", "-h", "127.0.0.1", "-p",
                                    std::to_string(the_broker().port()), "-q", "1", "-t", topic},
                                   {.output = output});
  if (!eventually([&] { return process.output().find("Subscribed") != std::string::npos; })) {
    throw std::runtime_error("mosquitto_sub does not subscribe: " + process.output());
  }
  return process;
}

std::vector<std::string> IngestStack::heard(const Process& listener) {
  std::istringstream lines(listener.output());
  std::vector<std::string> payloads;
  for (std::string line; std::getline(lines, line);) {
    if (line.starts_with('{')) payloads.push_back(line);
  }
  return payloads;
}

std::string IngestStack::message(std::string_view id, std::string_view sender, std::string_view receiver,
                                 std::string_view content) {
  std::ostringstream json;
  json << R"({"type":"message","message_id":")" << id << R"(","sender_id":")" << sender << R"(","sender_name":"Name of )"
       << sender << R"(","receiver_id":")" << receiver << R"(","content":")" << content
       << R"(","message_type":"text","timestamp":"2026-01-31T12:00:00.123456"})";
  return json.str();
}

std::string IngestStack::status(std::string_view id, std::string_view status, std::string_view user) {
  std::ostringstream json;
  json << R"({"type":"status","message_id":")" << id << R"(","status":")" << status << R"(","user_id":")" << user
       << R"(","timestamp":"2026-01-31T12:00:01.5"})";
  return json.str();
}

std::string IngestStack::typing(std::string_view sender, std::string_view receiver, bool is_typing) {
  std::ostringstream json;
  json << R"({"type":"typing","sender_id":")" << sender << R"(","sender_name":"Name of )" << sender << R"(","receiver_id":")"
       << receiver << R"(","is_typing":)" << (is_typing ? "true" : "false") << "}";
  return json.str();
}

std::vector<std::string> IngestStack::events() {
  return database_.column(
      "SELECT stream_id || ' ' || version || ' ' || event_type || ' ' || actor_id FROM event_log ORDER BY stream_id, version");
}

std::int64_t IngestStack::count(const std::string& sql_condition) {
  return std::stoll(database_.value("SELECT count(*) FROM event_log WHERE " + sql_condition));
}

}  // namespace hermes::test_support
