// hermes export: tables or the log as CSV or JSON lines (projections/export.h).
#include "projections/export.h"

#include <fcntl.h>
#include <unistd.h>

#include <boost/json/serialize.hpp>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <iostream>
#include <memory>
#include <utility>

#include "tools/connect.h"
#include "tools/event_json.h"
#include "tools/link_target.h"
#include "tools/options.h"

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

// Collects what is written and hands it to the system in pieces of this size.
constexpr std::size_t kBufferSize = 256 * 1024;

// A file that appears under its name only when it is whole, or stdout, or a device or pipe. A file is readable by its owner
// alone: it holds what people wrote.
class Output {
 public:
  explicit Output(const std::string& path) {
    buffer_.reserve(2 * kBufferSize);
    if (path.empty()) return;
    if (is_written_in_place(path)) {
      in_place_ = open(path.c_str(), O_WRONLY | O_CLOEXEC);
      if (in_place_ < 0) fail("open", path);
      file_ = in_place_;
      shown_ = path;
      return;
    }
    path_ = link_target(path);
    unfinished_ = path_ + ".unfinished";
    file_ = open(unfinished_.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (file_ < 0) fail("create", unfinished_);
    shown_ = unfinished_;
  }
  ~Output() {
    if (in_place_ >= 0) close(in_place_);
    if (path_.empty() || file_ < 0) return;
    close(file_);
    unlink(unfinished_.c_str());
  }
  Output(const Output&) = delete;
  Output& operator=(const Output&) = delete;

  void write(std::string_view bytes) {
    buffer_ += bytes;
    if (buffer_.size() >= kBufferSize) flush();
  }

  void finish() {
    flush();
    if (path_.empty()) return;
    if (fsync(file_) != 0 || close(std::exchange(file_, -1)) != 0) fail("write", unfinished_);
    if (rename(unfinished_.c_str(), path_.c_str()) != 0) fail("create", path_);
  }

 private:
  void flush() {
    std::string_view rest = buffer_;
    while (!rest.empty()) {
      const ssize_t written = ::write(file_, rest.data(), rest.size());
      if (written < 0 && errno == EINTR) continue;
      if (written < 0) fail("write", shown_);
      rest.remove_prefix(static_cast<std::size_t>(written));
    }
    buffer_.clear();
  }

  [[noreturn]] static void fail(const char* what, const std::string& where) {
    throw CommandError(kFoundProblem, std::string("cannot ") + what + " " + where + ": " + std::strerror(errno));
  }

  std::string path_;  // empty where nothing is renamed
  std::string unfinished_;
  std::string shown_ = "the standard output";
  int in_place_ = -1;
  int file_ = STDOUT_FILENO;
  std::string buffer_;
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
    Output output(path_of(name, flags));
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
