// hermes status: how services, log and projections are.
#include <unistd.h>

#include <algorithm>
#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <chrono>
#include <cstdint>
#include <iostream>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "adapters/spool/spool.h"
#include "tools/cli/connect.h"
#include "tools/cli/options.h"
#include "tools/cli/output.h"
#include "tools/cli/setting_checks.h"
#include "tools/commands/commands.h"
#include "tools/status/system_status.h"

namespace hermes::tools {
namespace {

namespace json = boost::json;

using projections::ProjectionLag;
using projections::ServiceStatus;
using projections::SystemStatus;

constexpr std::chrono::seconds kWatchInterval{2};

struct Flags {
  bool watch = false;
  bool partitions = false;
  std::int64_t lag_max_s = 60;
  std::string spool_folder = ".hermes/spool";
};

std::string text(Timestamp time) { return rfc3339(time); }

json::value parsed(const std::string& details) {
  boost::system::error_code error;
  json::value value = json::parse(details, error);
  return error ? json::value(nullptr) : value;
}

json::object to_json(const SystemStatus& status, const std::vector<std::string>& problems) {
  json::object out;
  out["at"] = text(status.at);
  out["ok"] = problems.empty();
  out["problems"] = json::array(problems.begin(), problems.end());
  json::array& services = out["services"].emplace_array();
  for (const ServiceStatus& service : status.services) {
    services.push_back(json::object{{"service", service.service},
                                    {"instance", service.instance},
                                    {"host", service.host},
                                    {"pid", service.pid},
                                    {"version", service.version},
                                    {"live", service.live},
                                    {"state", service.state},
                                    {"problem", service.problem},
                                    {"started_at", text(service.started_at)},
                                    {"beat_at", text(service.beat_at)},
                                    {"details", parsed(service.details)}});
  }
  json::object& log = out["log"].emplace_object();
  log["events"] = status.log.events;
  log["last_recorded_at"] = nullptr;
  if (status.log.last_recorded_at) log["last_recorded_at"] = text(*status.log.last_recorded_at);
  json::array& heads = log["partitions"].emplace_array();
  for (const auto& head : status.log.partitions) {
    heads.push_back(json::object{{"partition", head.partition}, {"next_offset", head.next_offset}, {"parked", head.parked}});
  }
  log["missing_guards"] = json::array(status.log.missing_guards.begin(), status.log.missing_guards.end());
  json::array& lags = out["projections"].emplace_array();
  for (const ProjectionLag& lag : status.projections) {
    json::object entry{{"projection", lag.projection},
                       {"partition", lag.partition},
                       {"next_offset", lag.next_offset},
                       {"events_behind", lag.events_behind},
                       {"seconds_behind", lag.seconds_behind},
                       {"owner", nullptr},
                       {"stuck", nullptr}};
    if (lag.owner) entry["owner"] = *lag.owner;
    if (lag.stuck) {
      entry["stuck"] = {{"offset", lag.stuck->offset},
                        {"stream_id", lag.stuck->stream_id},
                        {"event_type", lag.stuck->event_type},
                        {"reason", lag.stuck->reason},
                        {"since", text(lag.stuck->since)}};
    }
    lags.push_back(std::move(entry));
  }
  out["postponed"] = {{"count", status.postponed.count}};
  out["parked"] = {{"count", status.parked.count}, {"oldest_seconds", nullptr}};
  if (status.parked.oldest_for) {
    out["parked"].as_object()["oldest_seconds"] = static_cast<double>(status.parked.oldest_for->count()) / 1e6;
  }
  json::array& rejected = out["rejected"].emplace_array();
  for (const auto& entry : status.rejected) {
    rejected.push_back(json::object{
        {"reason", entry.reason}, {"count", entry.count}, {"last_hour", entry.last_hour}, {"newest", text(entry.newest)}});
  }
  return out;
}

// What is no problem of the system's, and waits for a decision all the same.
std::string what_waits(const SystemStatus& status) {
  std::int64_t rejected = 0;
  for (const auto& entry : status.rejected) rejected += entry.count;
  if (rejected == 0) return "";
  return " " + std::to_string(rejected) + (rejected == 1 ? " refused message waits" : " refused messages wait") +
         " for a decision: hermes rejected list";
}

std::string services_text(const SystemStatus& status) {
  Table table({{"SERVICE"}, {"INSTANCE"}, {"STATE"}, {"RUNNING FOR"}, {"LAST SEEN"}, {"MEASURES"}});
  for (const ServiceStatus& service : status.services) {
    // A stopped instance is of no more interest once another does its work; one that vanished may be.
    const bool gone = !service.live;
    Cell state{service.state, service.state == "ready" ? Style::good : Style::warning};
    if (gone) state = service.state == "stopped" ? Cell("stopped", Style::dim) : Cell("gone", Style::bad);
    std::string measures;
    const json::value details = parsed(service.details);
    if (details.is_object()) {
      for (const auto& [name, value] : details.get_object()) {
        if (value.is_structured()) continue;
        const std::string shown = value.is_string() ? std::string(value.get_string()) : json::serialize(value);
        const bool bytes = name.ends_with("_bytes") && value.is_number();
        measures += (measures.empty() ? "" : " ") + std::string(name) + "=" +
                    (bytes ? human_bytes(static_cast<std::uint64_t>(std::max(0.0, value.to_number<double>()))) : shown);
      }
    }
    table.add(
        {service.service, service.instance, state,
         gone ? "" : human_duration(std::chrono::duration_cast<std::chrono::microseconds>(status.at - service.started_at)),
         human_duration(service.silent_for) + " ago", measures});
  }
  return table.empty() ? "No service has ever reported.\n" : table.str();
}

std::string projections_text(const SystemStatus& status) {
  struct Sum {
    std::size_t partitions = 0, owned = 0, stuck = 0;
    std::int64_t events = 0;
    double seconds = 0;
  };
  std::map<std::string, Sum> sums;
  for (const ProjectionLag& lag : status.projections) {
    Sum& sum = sums[lag.projection];
    ++sum.partitions;
    if (lag.owner) ++sum.owned;
    if (lag.stuck) ++sum.stuck;
    sum.events += std::max<std::int64_t>(0, lag.events_behind);
    sum.seconds = std::max(sum.seconds, lag.seconds_behind);
  }
  if (sums.empty()) return "No projection has run yet.\n";
  using Align = Table::Align;
  Table table({{"PROJECTION"},
               {"EVENTS BEHIND", Align::right},
               {"TIME BEHIND", Align::right},
               {"WORKED ON", Align::right},
               {"STUCK", Align::right}});
  for (const auto& [name, sum] : sums) {
    table.add({name,
               std::to_string(sum.events),
               human_duration(std::chrono::microseconds(static_cast<std::int64_t>(sum.seconds * 1e6))),
               {std::to_string(sum.owned) + " of " + std::to_string(sum.partitions),
                sum.owned < sum.partitions ? Style::warning : Style::plain},
               {std::to_string(sum.stuck), sum.stuck > 0 ? Style::bad : Style::plain}});
  }
  return table.str();
}

std::string partitions_text(const SystemStatus& status) {
  using Align = Table::Align;
  Table table({{"PROJECTION"},
               {"PARTITION", Align::right},
               {"NEXT OFFSET", Align::right},
               {"EVENTS BEHIND", Align::right},
               {"TIME BEHIND", Align::right},
               {"OWNER"}});
  for (const ProjectionLag& lag : status.projections) {
    table.add({lag.projection, std::to_string(lag.partition), std::to_string(lag.next_offset),
               std::to_string(lag.events_behind),
               human_duration(std::chrono::microseconds(static_cast<std::int64_t>(lag.seconds_behind * 1e6))),
               lag.stuck ? Cell("stuck at offset " + std::to_string(lag.stuck->offset), Style::bad)
                         : Cell(lag.owner.value_or("nobody"))});
  }
  return table.str();
}

std::string log_text(const SystemStatus& status) {
  std::string out = "Log: " + std::to_string(status.log.events) + " events in " + std::to_string(status.log.partitions.size()) +
                    " partitions";
  if (status.log.last_recorded_at) out += ", the last recorded at " + text(*status.log.last_recorded_at);
  out += "\nParked: " + std::to_string(status.parked.count);
  if (status.parked.oldest_for) out += ", the oldest for " + human_duration(*status.parked.oldest_for);
  out += '\n';
  if (status.rejected.empty()) return out + "Rejected: 0\n";
  Table table({{"REJECTED FOR"}, {"COUNT", Table::Align::right}, {"LAST HOUR", Table::Align::right}, {"NEWEST"}});
  for (const auto& entry : status.rejected) {
    table.add({entry.reason, std::to_string(entry.count), std::to_string(entry.last_hour), text(entry.newest)});
  }
  return out + "\n" + table.str();
}

ExitCode print_status(postgres::Connection& connection, const Settings& settings, const Flags& flags) {
  SystemStatus status;
  {
    pqxx::transaction<pqxx::repeatable_read, pqxx::read_only> transaction(connection);
    status = projections::read_system_status(transaction);
    transaction.commit();
  }
  const auto problems = projections::problems_of(status, std::chrono::seconds(flags.lag_max_s));
  if (settings.json) {
    print_json(to_json(status, problems));
  } else {
    std::cout << services_text(status) << '\n' << projections_text(status) << '\n';
    if (flags.partitions) std::cout << partitions_text(status) << '\n';
    std::cout << log_text(status) << '\n';
    if (problems.empty()) std::cout << styled("All is well.", Style::good) << what_waits(status) << '\n';
    for (const std::string& problem : problems) {
      std::cout << styled("Problem: ", Style::bad) << escape_for_terminal(problem) << '\n';
    }
  }
  return problems.empty() ? kDone : kFoundProblem;
}

// While the database is away the spool fills, and the ingester has nowhere else to say so.
void print_spool(const Settings& settings, const Flags& flags, const std::string& problem) {
  std::optional<spool::Spool::Statistics> spool;
  try {
    spool = spool::inspect(flags.spool_folder);
  } catch (const std::exception&) {
    // Not ours to read: hermes doctor says so.
  }
  std::optional<std::chrono::microseconds> age;
  if (spool && spool->oldest) {
    const auto now = std::chrono::time_point_cast<std::chrono::microseconds>(std::chrono::system_clock::now());
    age = std::max(now - *spool->oldest, std::chrono::microseconds(0));
  }
  if (settings.json) {
    json::object out{{"ok", false}, {"problems", {problem}}, {"spool", nullptr}};
    if (spool) {
      out["spool"] = {
          {"folder", flags.spool_folder}, {"bytes", spool->bytes}, {"messages", spool->records}, {"age_seconds", 0}};
      if (age) out["spool"].as_object()["age_seconds"] = static_cast<double>(age->count()) / 1e6;
    }
    print_json(out);
  } else if (spool) {
    std::cout << "Spool: " << spool->records << (spool->records == 1 ? " message" : " messages") << " in "
              << escape_for_terminal(flags.spool_folder) << ", " << human_bytes(spool->bytes)
              << (age ? ", the oldest for " + human_duration(*age) : "") << '\n';
  }
}

postgres::ConnectionPtr connect_or_print_spool(const Settings& settings, const Flags& flags) {
  try {
    return connect(settings, "hermes_reader");
  } catch (const CommandError& error) {
    print_spool(settings, flags, error.what());
    throw;
  }
}

ExitCode run_status(const Settings& settings, const Flags& flags) {
  const auto connection = connect_or_print_spool(settings, flags);
  ExitCode code = print_status(*connection, settings, flags);
  while (flags.watch && std::cout.good()) {
    std::cout.flush();
    std::this_thread::sleep_for(kWatchInterval);
    if (isatty(STDOUT_FILENO) == 1 && !settings.json) std::cout << "\x1b[H\x1b[2J";
    code = print_status(*connection, settings, flags);
  }
  return code;
}

}  // namespace

void add_status(const Command& root, Cli& cli) {
  auto flags = std::make_shared<Flags>();
  const Command app =
      root.subcommand("status",
                      "Shows the services, how far each projection is behind the log, what waits and what was rejected. "
                      "Exit code 1 if an operator should look.",
                      {"hermes status", "hermes status --watch", "hermes status --json --lag-max 10"});
  app.flag("--watch", flags->watch, "Show it again every 2 seconds");
  app.flag("--partitions", flags->partitions, "Show every partition");
  app.option("--lag-max", flags->lag_max_s, "Seconds that a projection may be behind before it is a problem")
      .type_name("SECONDS")
      .environment("HERMES_LAG_MAX")
      .between(std::int64_t{0}, std::int64_t{86'400})
      .default_shown();
  app.option("--spool-dir", flags->spool_folder, "Folder of the spool, which is shown when the database is out of reach")
      .environment("HERMES_SPOOL_DIR")
      .check(check_path)
      .default_shown();
  add_json_flag(app, cli.settings);
  add_postgres_options(app, cli.settings);
  app.runs(cli, [&cli, flags] { return run_status(cli.settings, *flags); });
}

}  // namespace hermes::tools
