// hermes export: tables or the log as CSV or JSON lines (projections/queries/export.h).
#include "projections/queries/export.h"

#include <boost/json/serialize.hpp>
#include <filesystem>
#include <iostream>
#include <memory>
#include <utility>

#include "tools/cli/connect.h"
#include "tools/cli/event_json.h"
#include "tools/cli/options.h"
#include "tools/cli/output_file.h"

namespace hermes::tools {
namespace {

using projections::ExportFormat;

struct Flags {
  std::vector<std::string> names;
  std::string format = "csv";
  std::string output;
  std::string directory;
  bool quiet = false;
};

std::string path_of(const std::string& name, const Flags& flags) {
  if (flags.directory.empty()) return flags.output;
  return (std::filesystem::path(flags.directory) / (name + "." + flags.format)).string();
}

void check(const Flags& flags) {
  if (flags.names.size() > 1 && flags.directory.empty()) {
    throw CommandError(kUsage, "several exports need --directory, one file each");
  }
}

ExitCode run_export(const Settings& settings, Flags flags) {
  check(flags);
  if (settings.json) flags.format = "jsonl";
  const ExportFormat format = flags.format == "csv" ? ExportFormat::csv : ExportFormat::jsonl;
  if (!flags.directory.empty()) {
    std::error_code error;
    std::filesystem::create_directories(flags.directory, error);
    if (error) throw CommandError(kFoundProblem, "cannot create " + flags.directory + ": " + error.message());
  }

  const auto connection = connect(settings, "hermes_reader");
  // One snapshot for all: what is in one file and what is in another are of the same moment.
  pqxx::transaction<pqxx::repeatable_read, pqxx::read_only> transaction(*connection);
  projections::prepare_export(*connection, flags.names);
  const auto event_to_json = [](const eventstore::RecordedEvent& event) { return boost::json::serialize(to_json(event)); };
  for (const std::string& name : flags.names) {
    OutputFile output(path_of(name, flags));
    std::int64_t rows = 0;
    try {
      rows = projections::export_rows(*connection, name, format, event_to_json,
                                      [&](std::string_view lines) { output.write(lines); });
    } catch (const projections::UnreadableExport& unreadable) {
      throw CommandError(kFoundProblem, "the log cannot be exported as JSON: " + escape_for_terminal(unreadable.what()));
    }
    output.finish();
    if (!flags.quiet) std::cerr << name << ": " << rows << " rows\n";
  }
  transaction.commit();
  return kDone;
}

}  // namespace

void add_export(const Command& root, Cli& cli) {
  auto flags = std::make_shared<Flags>();
  const Command app =
      root.subcommand("export", "Writes tables or the log as CSV or JSON lines, all of one moment.",
                      {"hermes export chat_messages > messages.csv", "hermes export log --format jsonl --output log.jsonl",
                       "hermes export chat_messages message_status --directory export"});
  add_postgres_options(app, cli.settings);
  app.option("name", flags->names, "What to export").required().one_of(projections::exportable_names());
  app.option("--format", flags->format, "csv or jsonl").one_of({"csv", "jsonl"}).default_shown();
  const Option output =
      app.option("--output", flags->output, "The file to write; standard output without it").type_name("FILE").not_empty();
  app.option("--directory", flags->directory, "The folder to write NAME.csv or NAME.jsonl into")
      .type_name("FOLDER")
      .not_empty()
      .excludes(output);
  app.flag("--quiet", flags->quiet, "Don't tell the number of rows on stderr");
  add_json_flag(app, cli.settings);
  app.runs(cli, [&cli, flags] { return run_export(cli.settings, *flags); });
}

}  // namespace hermes::tools
