// hermes rebuild: read models anew from the log, now or as they were (docs/projections.md).
#include "projections/rebuild/rebuild.h"

#include <boost/json/object.hpp>
#include <iostream>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "eventstore/schema/migrations.h"
#include "projections/rebuild/past.h"
#include "tools/cli/connect.h"
#include "tools/cli/options.h"
#include "tools/cli/output.h"
#include "tools/cli/progress_line.h"
#include "tools/commands/commands.h"
#include "tools/commands/projection_names.h"

namespace hermes::tools {
namespace {

using projections::RebuildReport;

struct Options {
  std::vector<std::string> names;
  std::string at;
  std::string into;
  projections::RebuildSettings settings;
};

// Progress as the user wants it: a line on stderr, or JSON lines on stdout.
class Reporter {
 public:
  Reporter(bool json, std::string what) : json_(json), what_(std::move(what)) {
    if (!json_) line_.emplace();
  }

  projections::OnProgress on_progress() {
    return [this](const Progress& progress) {
      if (!json_) {
        Progress shown = progress;
        if (shown.of.empty()) shown.of = what_;
        return line_->show(shown);
      }
      const auto now = std::chrono::steady_clock::now();
      if (step_ == progress.step && progress.done < progress.total && now - told_ < std::chrono::seconds(1)) return;
      step_ = progress.step;
      told_ = now;
      print_json(boost::json::object{
          {"event", "progress"},
          {"what", what_},
          {"projection", progress.of.empty() ? boost::json::value(nullptr) : boost::json::value(progress.of)},
          {"phase", progress.step},
          {"done", progress.done},
          {"total", progress.total}});
      std::cout.flush();  // whoever reads along wants to know now
    };
  }

  void report(const RebuildReport& report, bool swapped) {
    line_.reset();
    if (json_) {
      boost::json::object done{{"event", "done"},
                               {"what", what_},
                               {"events", report.events},
                               {"load_ms", report.load.count()},
                               {"index_ms", report.index.count()},
                               {"total_ms", report.total.count()}};
      if (swapped) {
        done["catch_up_ms"] = report.catch_up.count();
        done["readers_blocked_us"] = report.readers_blocked.count();
        done["swap_attempts"] = report.swap_attempts;
        done["publications"] = boost::json::array(report.publications.begin(), report.publications.end());
      }
      print_json(done);
      return;
    }
    const double seconds = std::chrono::duration<double>(report.total).count();
    std::cout << what_ << ": " << report.events << " events in " << human_duration(report.total) << " ("
              << static_cast<std::uint64_t>(static_cast<double>(report.events) / std::max(seconds, 0.001)) << "/s; load "
              << human_duration(report.load) << ", index " << human_duration(report.index);
    if (swapped) std::cout << ", readers blocked for " << human_duration(report.readers_blocked);
    std::cout << ")\n";
    for (const std::string& publication : report.publications) {
      std::cout
          << "The publication " << escape_for_terminal(publication)
          << " has these tables, which are new ones now: on each subscriber run ALTER SUBSCRIPTION ... REFRESH PUBLICATION\n";
    }
  }

 private:
  const bool json_;
  const std::string what_;
  std::optional<ProgressLine> line_;
  std::string step_;
  std::chrono::steady_clock::time_point told_{};
};

[[noreturn]] void raise(const projections::RebuildError& error) { throw CommandError(kFoundProblem, error.message); }

std::vector<eventstore::Offset> ends(postgres::Connection& connection, const std::string& at) {
  pqxx::work transaction(connection);
  if (const auto position = eventstore::parse_position(at)) {
    const auto found = projections::ends_at(transaction, *position);
    if (!found) throw CommandError(kFoundProblem, "the log has no event at " + at + ". See: hermes tail");
    return *found;
  }
  const auto time = parse_timestamp(at);
  if (!time) throw CommandError(kUsage, "--at takes a time (2026-01-31T12:00:00Z) or a position P:O (3:1200)");
  // What is still to be recorded would be missing for ever from tables that say they hold it.
  const Timestamp now{std::chrono::microseconds(
      transaction.exec1("SELECT (extract(epoch FROM clock_timestamp()) * 1000000)::bigint")[0].as<std::int64_t>())};
  if (*time > now)
    throw CommandError(kUsage, "--at " + at + " is in the future; the clock of the database says " + rfc3339(now));
  return projections::ends_at(transaction, *time);
}

void check_schema_name(const std::string& name) {
  constexpr std::size_t kNameBytesMax = 63;  // PostgreSQL cuts what is longer
  if (name.size() > kNameBytesMax) throw CommandError(kUsage, "--into: the name of a schema has at most 63 bytes");
  // Those of PostgreSQL and of rebuilds, which remove what they find there.
  for (const char* prefix : {"pg_", projections::kBuildSchemas, projections::kReplacedSchemas}) {
    if (name.starts_with(prefix)) {
      throw CommandError(kUsage, std::string("--into: names that begin with ") + prefix + " are taken; choose another");
    }
  }
}

ExitCode run(const Settings& settings, Options options) {
  const auto chosen = projections_named(options.names);
  if (options.at.empty() != options.into.empty()) throw CommandError(kUsage, "--at and --into go together");
  if (!options.into.empty()) check_schema_name(options.into);
  const postgres::ConnectionPtr connection = connect(settings);
  if (auto checked = eventstore::check_migrated(*connection); !checked)
    throw CommandError(kFoundProblem, checked.error().message);
  options.settings.postgres = settings.postgres;

  if (!options.at.empty()) {
    Reporter reporter(settings.json, options.into);
    const auto report =
        projections::fold_into({chosen, options.into, ends(*connection, options.at), "hermes: read models as of " + options.at},
                               options.settings, reporter.on_progress());
    if (!report) raise(report.error());
    reporter.report(*report, false);
    return kDone;
  }
  for (const projections::Projection* projection : chosen) {
    Reporter reporter(settings.json, std::string(projection->name()));
    const auto report = projections::rebuild(*projection, options.settings, reporter.on_progress());
    if (!report) raise(report.error());
    reporter.report(*report, true);
  }
  return kDone;
}

}  // namespace

void add_rebuild(const Command& root, Cli& cli) {
  auto options = std::make_shared<Options>();
  const Command app = root.subcommand(
      "rebuild", "Makes read models anew from the log, while the live ones go on serving",
      {"hermes rebuild", "hermes rebuild chat --json", "hermes rebuild --at 2026-01-31T12:00:00Z --into january"});
  add_postgres_options(app, cli.settings);
  add_json_flag(app, cli.settings);
  app.option("name", options->names, "Projections to rebuild (all)");
  app.option("--at", options->at, "As of this time (recorded_at, inclusive) or position P:O, into a schema of its own")
      .type_name("TIME|P:O")
      .not_empty();
  app.option("--into", options->into, "The schema for --at; it must not exist").type_name("SCHEMA").not_empty();
  app.option("--load-connections", options->settings.load_connections, "Connections that fold the log at the same time")
      .between(1, 64)
      .default_shown();
  app.option("--index-connections", options->settings.index_connections, "Connections that make indexes at the same time")
      .between(1, 16)
      .default_shown();
  app.runs(cli, [&cli, options] { return run(cli.settings, *options); });
}

}  // namespace hermes::tools
