// hermes verify: whether the log is what was written, and the tables are what the log says (projections/verify/verifier.h).
#include <unistd.h>

#include <algorithm>
#include <boost/json.hpp>
#include <chrono>
#include <condition_variable>
#include <cstdio>
#include <iostream>
#include <memory>
#include <mutex>
#include <thread>

#include "projections/verify/verifier.h"
#include "tools/cli/connect.h"
#include "tools/cli/options.h"
#include "tools/cli/output.h"
#include "tools/cli/progress_line.h"
#include "tools/commands/verify_files.h"

namespace hermes::tools {
namespace {

using eventstore::VerifiedHead;
using projections::Check;
using projections::CheckReport;
using projections::Verifier;

struct Flags {
  int jobs = 2;
  std::string anchor;
  std::string resume;
  std::vector<std::string> only;
};

// The run's state on stderr: one line that changes on a terminal, a line now and then elsewhere.
class ChecksLine {
 public:
  ChecksLine(const Verifier& verifier, std::size_t checks)
      : verifier_(verifier), checks_(checks), thread_([this] { show(); }) {}
  ~ChecksLine() {
    {
      const std::lock_guard lock(mutex_);
      finished_ = true;
    }
    changed_.notify_one();
    thread_.join();
    if (terminal_) std::fputs("\r\x1b[K", stderr);
  }
  ChecksLine(const ChecksLine&) = delete;

  void check_done() {
    const std::lock_guard lock(mutex_);
    ++done_;
  }

 private:
  void show() {
    const auto begin = std::chrono::steady_clock::now();
    std::unique_lock lock(mutex_);
    while (!changed_.wait_for(lock, terminal_ ? std::chrono::milliseconds(500) : std::chrono::seconds(10),
                              [this] { return finished_; })) {
      const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
      const std::int64_t rows = verifier_.rows();
      char line[160];
      std::snprintf(line, sizeof(line), "%zu of %zu checks, %lld events read, %.0f/s", done_, checks_,
                    static_cast<long long>(rows), static_cast<double>(rows) / seconds);
      const std::string shown = std::string(line).substr(0, columns_of_stderr() - 1);  // what wraps can't be written over
      std::fprintf(stderr, terminal_ ? "\r\x1b[K%s" : "%s\n", shown.c_str());
      std::fflush(stderr);
    }
  }

  const Verifier& verifier_;
  const std::size_t checks_;
  const bool terminal_ = isatty(STDERR_FILENO) == 1;
  std::mutex mutex_;
  std::condition_variable changed_;
  bool finished_ = false;
  std::size_t done_ = 0;
  std::thread thread_;
};

const char* kind_name(Check::Kind kind) {
  switch (kind) {
    case Check::Kind::log: return "log";
    case Check::Kind::chain: return "chain";
    case Check::Kind::streams: return "streams";
    case Check::Kind::tables: return "tables";
  }
  return "";
}

// The log that is verified, by the moment it was made.
std::string identity_of_log(postgres::Connection& connection) {
  pqxx::work transaction(connection);
  return transaction.exec1("SELECT extract(epoch FROM created_at)::text FROM event_log_settings")[0].as<std::string>();
}

// As the settings say. That a head is missing, or stands outside, is a finding and no reason to end.
int partition_count_of_log(postgres::Connection& connection) {
  pqxx::work transaction(connection);
  return transaction.exec1("SELECT partition_count FROM event_log_settings")[0].as<int>();
}

std::vector<Check> checks_to_run(const Flags& flags, int partition_count, const std::vector<CheckReport>& done) {
  std::vector<Check> checks = projections::all_checks(partition_count);
  std::erase_if(checks, [&](const Check& check) {
    const bool unwanted = !flags.only.empty() && std::ranges::find(flags.only, kind_name(check.kind)) == flags.only.end();
    return unwanted || std::ranges::find(done, check.name(), &CheckReport::check) != done.end();
  });
  return checks;
}

struct Outcome {
  std::vector<CheckReport> reports;
  std::int64_t findings = 0;
  std::int64_t rows = 0;
  double seconds = 0;
  bool anchor_checked = false;
  bool anchor_written = false;
};

std::vector<VerifiedHead> heads_of(const Outcome& outcome) {
  std::vector<VerifiedHead> heads;
  for (const CheckReport& report : outcome.reports) {
    if (report.head) heads.push_back(*report.head);
  }
  std::ranges::sort(heads, {}, &VerifiedHead::partition);
  return heads;
}

void print(const Outcome& outcome, const Flags& flags) {
  Table table(
      {{"CHECK"}, {"DONE", Table::Align::right}, {"EVENTS READ", Table::Align::right}, {"FINDINGS", Table::Align::right}});
  for (const auto kind : {Check::Kind::log, Check::Kind::chain, Check::Kind::streams, Check::Kind::tables}) {
    std::int64_t count = 0, rows = 0, findings = 0;
    for (const CheckReport& report : outcome.reports) {
      if (!report.check.starts_with(kind_name(kind))) continue;
      ++count;
      rows += report.rows;
      findings += report.findings_total;
    }
    if (count == 0) continue;
    table.add({kind_name(kind),
               std::to_string(count),
               std::to_string(rows),
               {std::to_string(findings), findings == 0 ? Style::good : Style::bad}});
  }
  std::cout << table.str();
  for (const CheckReport& report : outcome.reports) {
    for (const eventstore::Finding& finding : report.findings) {
      std::cout << styled(finding.check, Style::bad) << " " << escape_for_terminal(finding.where) << ": "
                << escape_for_terminal(finding.problem) << "\n";
    }
    const auto hidden = report.findings_total - static_cast<std::int64_t>(report.findings.size());
    if (hidden > 0) std::cout << report.check << ": " << hidden << " more findings\n";
  }
  for (const CheckReport& report : outcome.reports) {
    for (const eventstore::Finding& note : report.notes) {
      std::cout << styled("note", Style::warning) << " " << note.check << " " << escape_for_terminal(note.where) << ": "
                << escape_for_terminal(note.problem) << "\n";
    }
  }
  if (outcome.findings > 0) {
    std::cout << outcome.findings << (outcome.findings == 1 ? " finding" : " findings") << "\n";
  } else {
    std::cout << "All is well (" << outcome.rows << " events read in "
              << human_duration(std::chrono::microseconds(static_cast<std::int64_t>(outcome.seconds * 1e6))) << ")\n";
  }
  if (flags.anchor.empty()) return;
  if (outcome.anchor_checked) {
    std::cout << escape_for_terminal(flags.anchor)
              << (outcome.findings > 0 ? " was compared and left as it was" : ": nothing before it has changed") << "\n";
  }
  if (outcome.anchor_written) std::cout << escape_for_terminal(flags.anchor) << " written\n";
}

void print_as_json(const Outcome& outcome) {
  boost::json::array findings, notes, checks, heads;
  for (const CheckReport& report : outcome.reports) {
    for (const auto& finding : report.findings) findings.push_back(to_json(finding));
    for (const auto& note : report.notes) notes.push_back(to_json(note));
    checks.push_back({{"check", report.check}, {"rows", report.rows}, {"findings_total", report.findings_total}});
  }
  for (const VerifiedHead& head : heads_of(outcome)) heads.push_back(to_json(head));
  print_json(boost::json::object{{"ok", outcome.findings == 0},
                                 {"findings_total", outcome.findings},
                                 {"findings", std::move(findings)},
                                 {"notes", std::move(notes)},
                                 {"checks", std::move(checks)},
                                 {"heads", std::move(heads)},
                                 {"anchor_checked", outcome.anchor_checked},
                                 {"anchor_written", outcome.anchor_written},
                                 {"events_read", outcome.rows},
                                 {"seconds", outcome.seconds}});
}

VerifyRecord begin_or_resume(const Flags& flags, const std::string& log) {
  if (!flags.resume.empty()) {
    if (auto record = read_record(flags.resume)) {
      if (record->log == log) {
        // A chain that was checked before may not have been compared with this anchor.
        if (!flags.anchor.empty()) {
          std::erase_if(record->reports, [](const CheckReport& report) { return report.head.has_value(); });
        }
        return *std::move(record);
      }
      throw CommandError(kUsage, flags.resume + " is the record of another log: delete it, or name another file");
    }
  }
  return {log, {}};
}

ExitCode run_verify(const Settings& settings, const Flags& flags) {
  const auto connect_reader = [&] { return connect(settings, "hermes_reader"); };
  int partition_count = 0;
  VerifyRecord record;
  {
    const auto connection = connect_reader();
    partition_count = partition_count_of_log(*connection);
    record = begin_or_resume(flags, identity_of_log(*connection));
  }
  std::optional<std::vector<VerifiedHead>> anchor;
  if (!flags.anchor.empty()) anchor = read_anchor(flags.anchor);

  const auto begin = std::chrono::steady_clock::now();
  const std::vector<Check> checks = checks_to_run(flags, partition_count, record.reports);
  Verifier verifier(connect_reader, partition_count, {flags.jobs, anchor.value_or(std::vector<VerifiedHead>())});
  {
    ChecksLine line(verifier, checks.size());
    verifier.run(checks, [&](const CheckReport& report) {
      record.reports.push_back(report);
      if (!flags.resume.empty()) write_record(flags.resume, record);
      line.check_done();
    });
  }

  Outcome outcome{.reports = std::move(record.reports)};
  outcome.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
  for (const CheckReport& report : outcome.reports) {
    outcome.findings += report.findings_total;
    outcome.rows += report.rows;
  }
  outcome.anchor_checked = anchor.has_value();
  if (!flags.anchor.empty() && outcome.findings == 0) {
    write_anchor(flags.anchor, heads_of(outcome));
    outcome.anchor_written = true;
  }
  if (settings.json) {
    print_as_json(outcome);
  } else {
    print(outcome, flags);
  }
  // Last: what hours have found must not be gone because the anchor can't be written.
  std::cout.flush();
  if (!flags.resume.empty()) unlink(flags.resume.c_str());
  return outcome.findings == 0 ? kDone : kFoundProblem;
}

}  // namespace

void add_verify(const Command& root, Cli& cli) {
  auto flags = std::make_shared<Flags>();
  const Command app = root.subcommand("verify", "Checks that the log is what was written, and the tables what the log says.",
                                      {"hermes verify", "hermes verify --anchor heads.json --jobs 4",
                                       "hermes verify --only chain --anchor heads.json", "hermes verify --only chain --json"});
  add_postgres_options(app, cli.settings);
  app.option("--jobs", flags->jobs, "Checks at a time, each on a connection of its own").between(1, 64).default_shown();
  app.option("--anchor", flags->anchor,
             "A file of head hashes: proves that nothing before them changed, then holds today's. Keep it elsewhere")
      .type_name("FILE")
      .not_empty();
  app.option("--resume", flags->resume, "A file that remembers the checks that are done, so that an interrupted run goes on")
      .type_name("FILE")
      .not_empty();
  app.option("--only", flags->only, "log, chain, streams or tables").one_of({"log", "chain", "streams", "tables"});
  add_json_flag(app, cli.settings);
  app.runs(cli, [&cli, flags] {
    // The heads that an anchor holds are found by that check.
    if (!flags->anchor.empty() && !flags->only.empty() && std::ranges::find(flags->only, "chain") == flags->only.end()) {
      throw CommandError(kUsage, "--anchor needs the check of the chain: --only chain");
    }
    return run_verify(cli.settings, *flags);
  });
}

}  // namespace hermes::tools
