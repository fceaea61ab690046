// hermes tail: the log as it grows.
#include <algorithm>
#include <boost/json/serialize.hpp>
#include <chrono>
#include <cstdint>
#include <iostream>
#include <limits>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/printable_text.h"
#include "eventstore/log/event_reader.h"
#include "tools/cli/connect.h"
#include "tools/cli/event_json.h"
#include "tools/cli/log_notifications.h"
#include "tools/cli/options.h"
#include "tools/cli/output.h"
#include "tools/commands/commands.h"

namespace hermes::tools {
namespace {

using eventstore::EventBatch;
using eventstore::Offset;
using eventstore::Partition;
using eventstore::Position;
using eventstore::RecordedEvent;
using eventstore::UnreadableEvent;

using ReadTransaction = pqxx::transaction<pqxx::repeatable_read, pqxx::read_only>;

// Events of one partition in memory at a time.
constexpr std::size_t kBatch = 1000;
// Without --from and --limit: as tail(1), a screenful.
constexpr std::size_t kLastEvents = 10;
// Notifications wake us; this is for one that was lost.
constexpr std::chrono::seconds kPoll{2};

struct Flags {
  std::vector<std::string> from;
  std::string stream;
  std::size_t limit = 0;  // 0: none was given
  bool follow = false;
};

// Prints events until there are enough of them.
class Printer {
 public:
  Printer(bool json, std::size_t limit) : json_(json), left_(limit) {}

  bool done() const { return left_ == 0 || !std::cout.good(); }

  void print(const RecordedEvent& event) {
    if (done()) return;
    --left_;
    print_uncounted(event);
  }

  void print_uncounted(const RecordedEvent& event) {
    if (json_) {
      print_json(to_json(event));
      return;
    }
    if (!std::exchange(heading_printed_, true)) std::cout << table_.header();
    table_.add({eventstore::to_string(event.position), rfc3339(event.recorded_at), std::string(event_type(event.event)),
                event.stream_id, event.actor_id, boost::json::serialize(to_json(event.event))});
    std::cout << table_.take_rows();
  }

 private:
  bool json_;
  std::size_t left_;
  bool heading_printed_ = false;
  Table table_{{{"POSITION", 9}, {"RECORDED", 27}, {"EVENT", 16}, {"STREAM", 44}, {"BY", 12}, {"PAYLOAD"}}};
};

// Where to read on in each partition that is followed.
using Cursors = std::map<Partition, Offset>;

[[noreturn]] void stop_at(const UnreadableEvent& unreadable) {
  std::cout.flush();
  const bool newer = unreadable.error.kind == eventstore::PayloadError::Kind::newer_schema;
  throw CommandError(kFoundProblem,
                     "stopped at " + eventstore::to_string(unreadable.position) + " (stream " +
                         escape_for_terminal(unreadable.stream_id) +
                         "), which cannot be read: " + escape_for_terminal(unreadable.error.detail) +
                         (newer ? ". It was written by a newer Hermes: update this one" : ". Try: hermes verify"));
}

// Prints what lies between `cursors` and `ends` and moves the cursors. The order is exact within a partition; across partitions
// it is by time, as far as one batch of each reaches.
void print_until(postgres::Connection& connection, Cursors& cursors, const std::vector<Offset>& ends, const std::string& stream,
                 Printer& printer) {
  bool more = true;
  while (more && !printer.done()) {
    more = false;
    std::vector<RecordedEvent> round;
    std::optional<UnreadableEvent> unreadable;
    {
      ReadTransaction transaction(connection);
      for (auto& [partition, next] : cursors) {
        const Offset end = ends[static_cast<std::size_t>(partition)];
        if (next >= end) continue;
        const std::size_t limit = std::min<std::size_t>(kBatch, static_cast<std::size_t>(end - next));
        EventBatch batch = eventstore::read_partition(connection, partition, next, limit);
        next += static_cast<Offset>(batch.events.size());
        more = more || next < end;
        std::move(batch.events.begin(), batch.events.end(), std::back_inserter(round));
        if (batch.unreadable && !unreadable) unreadable = batch.unreadable;
      }
      transaction.commit();
    }
    std::stable_sort(round.begin(), round.end(),
                     [](const RecordedEvent& a, const RecordedEvent& b) { return a.arrived_at() < b.arrived_at(); });
    for (const RecordedEvent& event : round) {
      if (stream.empty() || event.stream_id == stream) printer.print(event);
    }
    if (unreadable && !printer.done()) stop_at(*unreadable);
  }
}

std::vector<Offset> heads(postgres::Connection& connection) {
  ReadTransaction transaction(connection);
  std::vector<Offset> ends = eventstore::read_heads(connection);
  transaction.commit();
  return ends;
}

Cursors parse_from(const std::vector<std::string>& from, const std::vector<Offset>& ends) {
  Cursors cursors;
  for (const std::string& text : from) {
    const auto position = eventstore::parse_position(text);
    if (!position) throw CommandError(kUsage, "--from: " + escape_for_terminal(text) + " is not a position (3:1200)");
    if (static_cast<std::size_t>(position->partition) >= ends.size()) {
      throw CommandError(kUsage, "--from: there is no partition " + std::to_string(position->partition) + "; the log has " +
                                     std::to_string(ends.size()));
    }
    cursors[position->partition] = position->offset;
  }
  return cursors;
}

// The last `count` events of the log: at most so many from each partition, and of those the newest.
void print_last(postgres::Connection& connection, const std::vector<Offset>& ends, std::size_t count, Printer& printer) {
  std::vector<RecordedEvent> last;
  std::optional<UnreadableEvent> unreadable;
  const auto newest_first = [](const RecordedEvent& a, const RecordedEvent& b) { return a.arrived_at() > b.arrived_at(); };
  {
    ReadTransaction transaction(connection);
    for (std::size_t partition = 0; partition < ends.size(); ++partition) {
      const Offset from = std::max<Offset>(0, ends[partition] - static_cast<Offset>(count));
      EventBatch batch = eventstore::read_partition(connection, static_cast<Partition>(partition), from, count);
      if (batch.unreadable && !unreadable) unreadable = batch.unreadable;
      // Newest first, so that equal times of one partition are cut at their older end.
      std::move(batch.events.rbegin(), batch.events.rend(), std::back_inserter(last));
      std::stable_sort(last.begin(), last.end(), newest_first);
      if (last.size() > count) last.erase(last.begin() + static_cast<std::ptrdiff_t>(count), last.end());
    }
    transaction.commit();
  }
  for (auto event = last.rbegin(); event != last.rend(); ++event) printer.print_uncounted(*event);
  if (unreadable) stop_at(*unreadable);
}

// Prints the stream and returns where the log ended when it was read.
std::vector<Offset> print_stream(postgres::Connection& connection, const Flags& flags, Printer& printer) {
  EventBatch batch;
  std::vector<Offset> ends;
  {
    ReadTransaction transaction(connection);  // one snapshot for both
    batch = eventstore::read_stream(connection, flags.stream);
    ends = eventstore::read_heads(connection);
    transaction.commit();
  }
  if (batch.events.empty() && !batch.unreadable && !flags.follow) {
    throw CommandError(kFoundProblem, "there is no stream " + escape_for_terminal(flags.stream) +
                                          " in the log; streams are message/ID and typing/SENDER/RECEIVER");
  }
  for (const RecordedEvent& event : batch.events) printer.print(event);
  if (batch.unreadable) stop_at(*batch.unreadable);
  return ends;
}

ExitCode run_tail(const Settings& settings, const Flags& flags) {
  const auto connection = connect(settings, "hermes_reader");
  // Before the heads are read: what is appended between the two is announced.
  std::optional<LogNotifications> notifications;
  if (flags.follow) notifications.emplace(*connection);

  std::vector<Offset> ends = heads(*connection);
  Cursors cursors = parse_from(flags.from, ends);
  Printer printer(settings.json, flags.limit > 0 ? flags.limit : std::numeric_limits<std::size_t>::max());

  if (!flags.stream.empty()) {
    ends = print_stream(*connection, flags, printer);
    const auto partition = eventstore::partition_of(eventstore::stream_key(flags.stream), static_cast<int>(ends.size()));
    cursors[partition] = ends[static_cast<std::size_t>(partition)];
  } else if (!cursors.empty()) {
    print_until(*connection, cursors, ends, flags.stream, printer);
  } else {
    print_last(*connection, ends, flags.limit > 0 && !flags.follow ? flags.limit : kLastEvents, printer);
    for (std::size_t partition = 0; partition < ends.size(); ++partition) {
      cursors[static_cast<Partition>(partition)] = ends[partition];
    }
  }

  while (flags.follow && !printer.done() && !nobody_reads_stdout()) {
    std::cout.flush();
    notifications->wait(kPoll);
    print_until(*connection, cursors, heads(*connection), flags.stream, printer);
  }
  return kDone;
}

}  // namespace

void add_tail(const Command& root, Cli& cli) {
  auto flags = std::make_shared<Flags>();
  const Command app = root.subcommand(
      "tail",
      "Shows the newest events of the log, or those from a position on. It stops at an event that it "
      "cannot read and names it.",
      {"hermes tail --follow", "hermes tail --from 3:1200 --limit 50 --json", "hermes tail --stream message/m-1"});
  const Option from =
      app.option("--from", flags->from, "Start at a position, in its partition alone; may be repeated").type_name("P:O");
  app.option("--stream", flags->stream, "Only this stream").type_name("STREAM").not_empty().excludes(from);
  app.option("--limit", flags->limit, "Stop after so many events; with --follow, so many new ones")
      .between(std::size_t{1}, std::size_t{1'000'000'000});
  app.flag("--follow,-f", flags->follow, "Go on and show what is appended");
  add_json_flag(app, cli.settings);
  add_postgres_options(app, cli.settings);
  app.runs(cli, [&cli, flags] { return run_tail(cli.settings, *flags); });
}

}  // namespace hermes::tools
