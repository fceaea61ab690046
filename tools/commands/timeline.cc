// hermes timeline: what happened to one message.
#include "eventstore/log/timeline.h"

#include <chrono>
#include <iostream>
#include <memory>
#include <optional>
#include <set>
#include <string>

#include "adapters/http/query_json.h"
#include "base/printable_text.h"
#include "tools/cli/connect.h"
#include "tools/cli/log_notifications.h"
#include "tools/cli/options.h"
#include "tools/cli/output.h"
#include "tools/commands/commands.h"

namespace hermes::tools {
namespace {

using eventstore::Timeline;
using eventstore::TimelineStep;
using eventstore::TimelineUntil;

// Parked and rejected attempts are not announced: --watch looks for them this often.
constexpr std::chrono::seconds kLookAgain{1};

struct Flags {
  std::string id;
  std::string at;
  bool watch = false;
};

TimelineUntil parse_until(const std::string& text) {
  if (auto position = eventstore::parse_position(text)) return *position;
  if (auto time = parse_timestamp(text)) return *time;
  throw CommandError(kUsage,
                     "--at: " + escape_for_terminal(text) + " is neither a time (2026-01-31T12:00Z) nor a position (3:1200)");
}

Timeline read(postgres::Connection& connection, const Flags& flags, const std::optional<TimelineUntil>& until) {
  auto timeline = eventstore::read_timeline(connection, flags.id, until);
  if (!timeline) {
    throw CommandError(kFoundProblem, "--at: there is no event at " + eventstore::to_string(timeline.error().position) +
                                          "; see where the log ends: hermes status");
  }
  return std::move(*timeline);
}

Table step_table() {
  return Table(
      {{"RECEIVED", 27}, {"RECORDED", 27}, {"WHAT", 18}, {"BY", 10}, {"STATE", 9}, {"POSITION", 10}, {"AFTER", 9}, {"NOTE"}});
}

void add_row(Table& table, const TimelineStep& step) {
  Style style = Style::plain;
  std::string what = step.what;
  if (step.kind == TimelineStep::Kind::rejected) {
    style = Style::bad;
    what = "rejected: " + what;
  } else if (step.kind == TimelineStep::Kind::parked) {
    style = Style::warning;
    what = "parked: " + what;
  } else if (step.state == domain::MessageState::read) {
    style = Style::good;
  }
  table.add({step.received_at ? rfc3339(*step.received_at) : "",
             rfc3339(step.at),
             {what, style},
             step.actor.value_or(""),
             {step.state ? std::string(domain::to_string(*step.state)) : "", style},
             step.position ? eventstore::to_string(*step.position) : "",
             step.since_previous ? human_duration(*step.since_previous) : "",
             {step.detail.value_or(""), step.kind == TimelineStep::Kind::event ? Style::bad : Style::plain}});
}

void print_heading(const Timeline& timeline) {
  if (!timeline.message) return;
  const domain::MessageSent& message = *timeline.message;
  const bool named = !message.sender_name.empty() && message.sender_name != message.sender.str();
  std::cout << "Message " << styled(escape_for_terminal(timeline.message_id), Style::bold) << " from "
            << escape_for_terminal(message.sender.str()) << (named ? " (" + escape_for_terminal(message.sender_name) + ")" : "")
            << " to " << (domain::is_broadcast(message.receiver) ? "everyone" : escape_for_terminal(message.receiver.str()))
            << ":\n  " << shorten(escape_for_terminal(message.content), 200) << "\n\n";
}

void check_readable(const Timeline& timeline) {
  if (!timeline.unreadable) return;
  throw CommandError(kFoundProblem, "the event at " + eventstore::to_string(timeline.unreadable->position) +
                                        " cannot be read: " + escape_for_terminal(timeline.unreadable->error.detail) +
                                        ". The rest of the story is left out. See: hermes verify");
}

ExitCode print_once(postgres::Connection& connection, const Settings& settings, const Flags& flags,
                    const std::optional<TimelineUntil>& until) {
  const Timeline timeline = read(connection, flags, until);
  if (timeline.empty()) {
    throw CommandError(kFoundProblem,
                       "nothing is known of message " + escape_for_terminal(flags.id) + (until ? " up to " + flags.at : "") +
                           ": not in the log, not parked, not rejected. Look at what arrives: hermes tail --follow");
  }
  if (settings.json) {
    print_json(http::to_json(timeline));
  } else {
    print_heading(timeline);
    Table table = step_table();
    for (const TimelineStep& step : timeline.steps) add_row(table, step);
    std::cout << table.str();
    if (timeline.attempts_left_out > 0) {
      std::cout << "\n"
                << timeline.attempts_left_out << " older rejected "
                << (timeline.attempts_left_out == 1 ? "attempt is" : "attempts are") << " left out; see hermes rejected list\n";
    }
  }
  check_readable(timeline);
  return kDone;
}

// Prints the steps as they come, until interrupted.
ExitCode watch(postgres::Connection& connection, const Settings& settings, const Flags& flags) {
  LogNotifications notifications(connection);
  std::set<std::string> seen;
  bool heading = false;
  Table table = step_table();
  while (std::cout.good() && !nobody_reads_stdout()) {
    const Timeline timeline = read(connection, flags, std::nullopt);
    if (!settings.json && !heading && timeline.message) {
      print_heading(timeline);
      heading = true;
    }
    const bool first = seen.empty();
    for (const TimelineStep& step : timeline.steps) {
      const std::string key = step.position ? eventstore::to_string(*step.position)
                                            : rfc3339(step.at) + ' ' + step.what + ' ' + step.actor.value_or("");
      if (!seen.insert(key).second) continue;
      if (settings.json) {
        print_json(http::to_json(step));
      } else {
        add_row(table, step);
      }
    }
    if (!table.empty()) {
      if (first) std::cout << table.header();
      std::cout << table.take_rows();
    }
    std::cout.flush();
    check_readable(timeline);
    notifications.wait(kLookAgain);
  }
  return kDone;
}

ExitCode run_timeline(const Settings& settings, const Flags& flags) {
  std::optional<TimelineUntil> until;
  if (!flags.at.empty()) until = parse_until(flags.at);
  const auto connection = connect(settings, "hermes_reader");
  return flags.watch ? watch(*connection, settings, flags) : print_once(*connection, settings, flags, until);
}

}  // namespace

void add_timeline(const Command& root, Cli& cli) {
  auto flags = std::make_shared<Flags>();
  const Command app =
      root.subcommand("timeline",
                      "Tells what happened to one message: each transition per recipient, and the attempts that were "
                      "parked or rejected.",
                      {"hermes timeline 7d9f0c52-90f6-4a3e-8f3d-5f1f8a0c1b2e", "hermes timeline m-1 --at 2026-01-31T12:00Z"});
  app.option("id", flags->id, "The message id").required();
  const Option watch_flag = app.flag("--watch", flags->watch, "Go on and print each step as it comes");
  app.option("--at", flags->at, "As it was at a time or position (inclusive; by the time of recording)")
      .type_name("TIME|P:O")
      .not_empty()
      .excludes(watch_flag);
  add_json_flag(app, cli.settings);
  add_postgres_options(app, cli.settings);
  app.runs(cli, [&cli, flags] { return run_timeline(cli.settings, *flags); });
}

}  // namespace hermes::tools
