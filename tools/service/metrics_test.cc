// What a Prometheus server scrapes from the services: promtool finds no fault in it, and every metric that an operator needs is
// there, with its unit in its name.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <set>
#include <sstream>

#include "tests/support/eventually.h"
#include "tests/support/ingest_stack.h"

namespace hermes::test_support {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

std::string scrape(std::uint16_t port) {
  return run({"curl", "--silent", "--fail", "--max-time", "10", "http://127.0.0.1:" + std::to_string(port) + "/metrics"})
      .output;
}

// Empty when promtool accepts the metrics; otherwise what it says.
std::string complaints_of_promtool(const std::string& metrics) {
  const Finished checked = run({"promtool", "check", "metrics"}, {}, metrics);
  if (checked.exit_code == 0) return checked.errors;
  return "exit code " + std::to_string(checked.exit_code) + ": " + checked.output + checked.errors;
}

// What was scraped, as docs/metrics.md writes it: "name", "name{label,label}", each once.
std::set<std::string> names_in(const std::string& metrics) {
  std::set<std::string> names;
  std::istringstream lines(metrics);
  std::string family;
  for (std::string line; std::getline(lines, line);) {
    if (line.starts_with("# TYPE ")) std::istringstream(line.substr(7)) >> family;
    if (line.starts_with('#')) continue;
    std::string labels;
    std::size_t at = line.find('{');
    for (; at != std::string::npos && line[at] != '}';
         at = line.find_first_of(",}", line.find("\"", line.find("=\"", at) + 2))) {
      const std::string label = line.substr(at + 1, line.find('=', at) - at - 1);
      if (label != "le") labels += (labels.empty() ? "" : ",") + label;  // the bounds of a histogram
    }
    names.insert(family + (labels.empty() ? "" : "{" + labels + "}"));
  }
  return names;
}

struct Documented {
  std::string name;  // with its labels
  std::string what;
};

// The rows of docs/metrics.md whose names begin so.
std::vector<Documented> rows_of_page(const std::string& prefix) {
  std::vector<Documented> rows;
  std::ifstream page(HERMES_METRICS_PAGE);
  for (std::string line; std::getline(page, line);) {
    if (!line.starts_with("| `" + prefix)) continue;
    const std::size_t end = line.find('`', 3);
    rows.push_back({line.substr(3, end - 3), line.substr(end + 4, line.find(" |", end + 4) - end - 4)});
  }
  return rows;
}

std::set<std::string> documented(const std::string& prefix) {
  std::set<std::string> names;
  for (const Documented& row : rows_of_page(prefix)) names.insert(row.name);
  return names;
}

// Prometheus has no other place for it (Prometheus documentation, "Metric and label naming"). What is 0 or 1 has none.
TEST(MetricNames, SayTheUnit) {
  const std::set<std::string> units = {"seconds",    "bytes",  "messages", "events", "batches",
                                       "partitions", "echoes", "failures", "acks"};
  std::vector<std::string> without;
  for (const Documented& row : rows_of_page("")) {
    std::istringstream words(row.name.substr(0, row.name.find('{')));
    bool has_unit = row.what.starts_with("1 ");
    for (std::string word; std::getline(words, word, '_');) has_unit = has_unit || units.contains(word);
    if (!has_unit) without.push_back(row.name);
  }
  EXPECT_GT(rows_of_page("").size(), 25u);
  // It counts receipts, as hermes_ingest_parked_messages_total does, and should say so.
  EXPECT_THAT(without, ElementsAre("hermes_ingest_parked_expired_total"));
}

TEST(IngestMetrics, PassPromtoolAndCountEveryOutcome) {
  IngestStack stack;
  auto ingester = stack.ready_ingester();
  stack.publish("david", IngestStack::message("m1"));
  stack.publish("david", IngestStack::message("m1"));
  stack.publish("david", "not JSON");
  stack.publish("fredy", IngestStack::status("m1", "read", "mallory"));
  stack.publish("fredy", IngestStack::status("early", "read", "david"));
  const auto value = [&](const char* name) { return IngestStack::metric(ingester, name); };
  EXPECT_TRUE(eventually([&] { return value("hermes_ingest_delay_seconds_count") == 5; })) << scrape(ingester.http_port);
  EXPECT_TRUE(eventually([&] { return value("hermes_ingest_spool_bytes") > 0; }));  // gauges are set once a second

  EXPECT_EQ(value("hermes_ingest_received_messages_total"), 5);
  EXPECT_EQ(value("hermes_ingest_appended_messages_total"), 1);
  EXPECT_EQ(value("hermes_ingest_duplicate_messages_total"), 1);
  EXPECT_EQ(value("hermes_ingest_parked_messages_total"), 1);
  EXPECT_EQ(value("hermes_ingest_rejected_messages_total"), 2);

  const std::string metrics = scrape(ingester.http_port);
  EXPECT_THAT(complaints_of_promtool(metrics), IsEmpty());
  for (const char* line : {"hermes_ingest_rejected_messages_total{reason=\"malformed_json\"} 1",
                           "hermes_ingest_rejected_messages_total{reason=\"not_a_recipient\"} 1",
                           "# TYPE hermes_ingest_received_messages_total counter", "# TYPE hermes_ingest_spool_bytes gauge",
                           "# TYPE hermes_ingest_batch_messages histogram", "# TYPE hermes_ingest_commit_seconds histogram",
                           "# TYPE hermes_ingest_delay_seconds histogram", "hermes_ingest_commit_seconds_bucket{le=\"+Inf\"}",
                           "# TYPE process_resident_memory_bytes gauge"}) {
    EXPECT_THAT(metrics, HasSubstr(line));
  }

  std::set<std::string> known = documented("hermes_ingest_");
  known.merge(documented("process_"));
  EXPECT_EQ(names_in(metrics), known) << "docs/metrics.md";
}

TEST(ProjectorMetrics, PassPromtoolAndTellTheLag) {
  IngestStack stack;
  auto ingester = stack.ready_ingester();
  const TemporaryFolder folder;
  const std::uint16_t port = free_port();
  Environment environment = environment_for(stack.postgres());
  environment["POSTGRES_DB"] = stack.database().value("SELECT current_database()");
  environment["HERMES_HTTP_PORT"] = std::to_string(port);
  environment["XDG_CONFIG_HOME"] = folder.path().string();
  Process projector = Process::start({hermes_command(), "project"},
                                     {.environment = environment, .folder = folder.path(), .output = folder / "log"});
  stack.publish("david", IngestStack::message("m1"));
  ASSERT_TRUE(eventually([&] { return stack.database().value("SELECT count(*) FROM message_status") == "2"; }))
      << projector.output();
  ASSERT_TRUE(eventually([&] {
    return scrape(port).find("hermes_projection_events_total{projection=\"chat\"} 2") != std::string::npos;
  })) << scrape(port);

  const std::string metrics = scrape(port);
  EXPECT_THAT(complaints_of_promtool(metrics), IsEmpty());
  for (const char* line : {"# TYPE hermes_projection_events_total counter", "# TYPE hermes_projection_lag_events gauge",
                           "# TYPE hermes_projection_lag_seconds gauge", "# TYPE hermes_projection_stuck gauge",
                           "# TYPE hermes_projection_owned_partitions gauge"}) {
    EXPECT_THAT(metrics, HasSubstr(line));
  }
  EXPECT_EQ(names_in(metrics), documented("hermes_projection_")) << "docs/metrics.md";
}

}  // namespace
}  // namespace hermes::test_support
