// hermes doctor: checks everything that Hermes needs. The checks are in doctor_*.cc.
#include "tools/doctor/doctor.h"

#include <algorithm>
#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <iostream>
#include <iterator>
#include <memory>

#include "base/printable_text.h"
#include "tools/cli/options.h"
#include "tools/cli/output.h"
#include "tools/cli/setting_checks.h"
#include "tools/doctor/doctor_checks.h"

namespace hermes::tools {
namespace {

using Level = Check::Level;

const char* word_for(Level level) {
  switch (level) {
    case Level::ok: return "ok";
    case Level::warn: return "warn";
    case Level::fail: return "FAIL";
    case Level::skipped: return "-";
  }
  return "";
}

Style style_of(Level level) {
  switch (level) {
    case Level::ok: return Style::good;
    case Level::warn: return Style::warning;
    case Level::fail: return Style::bad;
    case Level::skipped: return Style::dim;
  }
  return Style::plain;
}

// A line may be long: the advice must not be cut off.
void print(const Check& check) {
  const std::string level = word_for(check.level);
  std::string text = check.finding;
  if (!check.advice.empty())
    text += (text.ends_with('.') || text.ends_with('?') ? " " : ". ") + std::string("Do: ") + check.advice;
  std::cout << styled(level, style_of(check.level)) << std::string(6 - level.size(), ' ') << check.name
            << std::string(16 - check.name.size(), ' ') << escape_for_terminal(text) << "\n";
}

std::size_t count_of(const Checks& checks, Level level) {
  return static_cast<std::size_t>(
      std::count_if(checks.begin(), checks.end(), [&](const Check& check) { return check.level == level; }));
}

boost::json::object to_json(const Check& check) {
  const std::string level = check.level == Level::skipped ? "skipped"
                            : check.level == Level::fail  ? "fail"
                                                          : word_for(check.level);
  boost::json::object out{{"check", check.name}, {"level", level}, {"finding", check.finding}, {"advice", nullptr}};
  if (!check.advice.empty()) out["advice"] = check.advice;
  return out;
}

ExitCode run_doctor(const Settings& settings, const DoctorSettings& doctor) {
  Checks checks;
  const auto add = [&](Checks more) {
    for (Check& check : more) {
      if (!settings.json) print(check);
      checks.push_back(std::move(check));
    }
    std::cout.flush();  // the next ones may take a while
  };
  add(check_broker(settings, doctor));
  add(check_database(settings));
  add(check_machine(settings, doctor));

  const std::size_t failures = count_of(checks, Level::fail);
  const std::size_t warnings = count_of(checks, Level::warn);
  if (settings.json) {
    boost::json::array list;
    for (const Check& check : checks) list.push_back(to_json(check));
    print_json(boost::json::object{
        {"ok", failures == 0}, {"failures", failures}, {"warnings", warnings}, {"checks", std::move(list)}});
  } else if (failures + warnings == 0) {
    std::cout << styled("All is well.", Style::good) << "\n";
  } else {
    std::cout << failures << " failed, " << warnings << (warnings == 1 ? " warning\n" : " warnings\n");
  }
  return failures == 0 ? kDone : kFoundProblem;
}

}  // namespace

void add_doctor(const Command& root, Cli& cli) {
  auto doctor = std::make_shared<DoctorSettings>();
  const Command app = root.subcommand(
      "doctor",
      "Checks broker, database, roles, limits, disks, clocks and ports, one line each, and says how to mend what "
      "is wrong. Exit code 1 if anything fails, also when broker or database are out of reach.",
      {"hermes doctor", "hermes doctor --json"});
  app.option("--spool-dir", doctor->spool_folder, "Folder of the spool")
      .environment("HERMES_SPOOL_DIR")
      .check(check_path)
      .default_shown();
  app.option("--max-spool-bytes", doctor->spool_bytes_max, "Room of the spool (suffixes KiB, MiB, GiB)")
      .bytes()
      .check(check_spool_bytes)
      .environment("HERMES_MAX_SPOOL_BYTES")
      .default_shown();
  app.option("--ingester-port", doctor->ingester_port, "Where the ingester answers")
      .environment("HERMES_INGESTER_PORT")
      .between(1, 65'535)
      .default_shown();
  app.option("--projector-port", doctor->projector_port, "Where the projector answers")
      .environment("HERMES_PROJECTOR_PORT")
      .between(1, 65'535)
      .default_shown();
  app.option("--anchor", doctor->anchor, "What hermes verify --anchor writes each day, or a folder of such files")
      .environment("HERMES_ANCHOR")
      .check(check_path);
  const Option query_port = app.option("--query-port", doctor->query_port, "Where the query service answers")
                                .environment("HERMES_QUERY_PORT")
                                .default_shown();
  // The ingester's settings, checked as the ingester would use them.
  auto client_id = std::make_shared<std::string>();
  auto share_group = std::make_shared<std::string>();
  app.option("--client-id", *client_id, "The ingester's MQTT client id").environment("HERMES_CLIENT_ID").check(check_client_id);
  app.option("--share-group", *share_group, "The ingester's group").environment("HERMES_SHARE_GROUP").check(check_share_group);
  add_json_flag(app, cli.settings);
  add_mqtt_options(app, cli.settings);
  add_postgres_options(app, cli.settings);
  app.runs(cli, [&cli, doctor, query_port, client_id, share_group] {
    require_client_id_in_group(*share_group, *client_id);
    doctor->query_port_is_set = query_port.is_given();
    return run_doctor(cli.settings, *doctor);
  });
}

}  // namespace hermes::tools
