// hermes migrate: brings the database to this binary's version (eventstore/schema/migrations.h).
#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/value_from.hpp>
#include <iostream>
#include <memory>
#include <string>
#include <vector>

#include "eventstore/schema/migrations.h"
#include "tools/cli/connect.h"
#include "tools/cli/options.h"
#include "tools/cli/output.h"

namespace hermes::tools {
namespace {

struct Options {
  std::optional<int> partitions;
  bool dry_run = false;
};

ExitCode run(const Settings& settings, const Options& options) {
  postgres::ConnectionPtr connection = connect(settings);
  std::vector<std::string> access;
  auto applied =
      eventstore::migrate(*connection, eventstore::embedded_migrations(),
                          {options.partitions, options.dry_run, [&](const std::string& made) { access.push_back(made); }});
  if (!applied && applied.error().kind == eventstore::MigrationError::Kind::no_writes)
    throw takes_no_writes(settings, applied.error().message);
  if (!applied) throw CommandError(kFoundProblem, applied.error().message);

  if (settings.json) {
    boost::json::array list;
    for (const auto& migration : *applied) {
      list.push_back({{"number", migration.number}, {"name", std::string(migration.name)}});
    }
    print_json(boost::json::object{{options.dry_run ? "pending" : "applied", std::move(list)},
                                   {options.dry_run ? "access_missing" : "access_granted", boost::json::value_from(access)}});
    return kDone;
  }
  for (const auto& migration : *applied) {
    std::cout << (options.dry_run ? "would apply " : "applied ") << migration.number << " " << migration.name << "\n";
  }
  for (const std::string& made : access) std::cout << (options.dry_run ? "would grant " : "granted ") << made << "\n";
  if (applied->empty() && access.empty()) std::cout << "up to date\n";
  return kDone;
}

}  // namespace

void add_migrate(const Command& root, Cli& cli) {
  auto options = std::make_shared<Options>();
  const Command app = root.subcommand("migrate", "Brings the database to this version of Hermes.",
                                      {"hermes migrate", "hermes migrate --partitions 32", "hermes migrate --dry-run --json"});
  add_postgres_options(app, cli.settings);
  add_json_flag(app, cli.settings);
  app.option("--partitions", options->partitions, "Partitions of a new log (default 16); fixed once it exists");
  app.flag("--dry-run", options->dry_run, "Only say what would be applied");
  app.runs(cli, [&cli, options] { return run(cli.settings, *options); });
}

}  // namespace hermes::tools
