// hermes rejected: what could not be appended, and what is to become of it (docs/rejected.md).
#include <pwd.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/closest_word.h"
#include "base/wall_clock.h"
#include "domain/identifiers.h"
#include "domain/rejection.h"
#include "eventstore/commands/rejected_messages.h"
#include "tools/cli/duration.h"
#include "tools/cli/options.h"
#include "tools/cli/output.h"
#include "tools/commands/commands.h"
#include "tools/commands/rejected_drop.h"
#include "tools/commands/rejected_list.h"
#include "tools/commands/rejected_retry.h"

namespace hermes::tools {
namespace {

// Of a name or a reason: enough for a sentence or a few.
constexpr std::size_t kKeptTextCharactersMax = 1'000;

struct Flags {
  std::vector<std::int64_t> ids;
  std::string reason_code;
  std::string why;
  std::string who;
  std::string since;
  std::size_t limit = eventstore::RejectedFilter{}.limit;
  bool with_resolved = false;
  bool all = false;
  bool raw = false;
  bool yes = false;
};

// Who does it, as the record names them: the user of this machine, also behind sudo.
std::string this_user() {
  std::string name;
  if (const char* behind_sudo = std::getenv("SUDO_USER"); behind_sudo != nullptr) name = behind_sudo;
  if (name.empty()) {
    const passwd* entry = getpwuid(getuid());
    name = entry != nullptr ? std::string(entry->pw_name) : "uid " + std::to_string(getuid());
  }
  std::array<char, 256> host{};
  if (gethostname(host.data(), host.size() - 1) == 0) name += "@" + std::string(host.data());
  return name;
}

std::string who_of(const Flags& flags) { return flags.who.empty() ? this_user() : flags.who; }

Timestamp since_of(const std::string& text) {
  if (const auto time = parse_timestamp(text)) return *time;
  if (const auto ago = parse_duration(text)) {
    return wall_clock() - *ago;
  }
  throw CommandError(kUsage, "--since: " + escape_for_terminal(text) +
                                 " is neither a time (2026-01-31T12:00Z) nor how long ago (90s, 10m, 2h)");
}

std::vector<std::string> reason_codes() {
  std::vector<std::string> codes;
  for (int i = 0; domain::code(static_cast<domain::RejectionReason>(i)) != "unknown"; ++i) {
    codes.emplace_back(domain::code(static_cast<domain::RejectionReason>(i)));
  }
  return codes;
}

std::string list_of_reason_codes() {
  std::string list;
  for (const std::string& code : reason_codes()) list += (list.empty() ? "" : ", ") + code;
  return list;
}

std::string check_reason(const std::string& code) {
  if (domain::parse_rejection_reason(code)) return {};
  const std::string meant = closest_word(code, reason_codes());
  return "there is no reason " + escape_for_terminal(code) +
         (meant.empty() ? "; there are " + list_of_reason_codes() : "; did you mean " + meant + "?");
}

std::string check_id(const std::string& text) {
  std::int64_t id = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), id);
  if (error == std::errc() && end == text.data() + text.size() && id > 0) return {};
  return escape_for_terminal(text) + " is no number from hermes rejected list";
}

// Kept for good beside what it is said of: blank it would tell nobody anything.
std::string check_kept_text(const std::string& text) {
  if (text.find_first_not_of(" \t") == std::string::npos) return "is blank, and is kept for good";
  const auto checked = domain::check_text("it", text, kKeptTextCharactersMax);
  return checked ? "" : checked.error().message();
}

// Distinct and ascending.
std::vector<std::int64_t> ids_of(const Flags& flags) {
  std::vector<std::int64_t> ids = flags.ids;
  std::sort(ids.begin(), ids.end());
  ids.erase(std::unique(ids.begin(), ids.end()), ids.end());
  return ids;
}

ExitCode run_list(const Settings& settings, const Flags& flags) {
  eventstore::RejectedFilter filter{
      .reason = flags.reason_code, .since = std::nullopt, .with_resolved = flags.with_resolved, .limit = flags.limit};
  if (!flags.since.empty()) filter.since = since_of(flags.since);
  return list_rejected_messages(settings, std::move(filter));
}

ExitCode run_show(const Settings& settings, const Flags& flags) {
  return show_rejected_message(settings, flags.ids.front(), flags.raw);
}

ExitCode run_retry(const Settings& settings, const Flags& flags) {
  const int ways = (flags.ids.empty() ? 0 : 1) + (flags.reason_code.empty() ? 0 : 1) + (flags.all ? 1 : 0);
  if (ways != 1)
    throw CommandError(kUsage, "name what to retry: ids, or --reason CODE, or --all. See: hermes rejected retry --help");
  return retry_rejected_messages(settings, {.ids = ids_of(flags), .reason_code = flags.reason_code, .who = who_of(flags)});
}

ExitCode run_drop(const Settings& settings, const Flags& flags) {
  return drop_rejected_messages(settings, {.ids = ids_of(flags), .why = flags.why, .who = who_of(flags), .ask = !flags.yes});
}

using Run = ExitCode(const Settings& settings, const Flags& flags);

void run_by(const Command& app, Cli& cli, std::shared_ptr<Flags> flags, Run* what) {
  add_json_flag(app, cli.settings);
  add_postgres_options(app, cli.settings);
  app.runs(cli, [&cli, flags, what] { return what(cli.settings, *flags); });
}

Option add_ids(const Command& app, Flags& flags) {
  return app.option("id", flags.ids, "Numbers from hermes rejected list").type_name("ID").check(check_id);
}

void add_reason_code(const Command& app, Flags& flags, const std::string& what) {
  app.option("--reason", flags.reason_code, what + ": " + list_of_reason_codes()).type_name("CODE").check(check_reason);
}

void add_who(const Command& app, Flags& flags) {
  app.option("--by", flags.who, "Who does it, as it is recorded (default: the user of this machine)").check(check_kept_text);
}

void add_list(const Command& rejected, Cli& cli) {
  auto flags = std::make_shared<Flags>();
  const Command app =
      rejected.subcommand("list", "Lists what was refused and is open, the newest first.",
                          {"hermes rejected list", "hermes rejected list --reason parked_too_long --since 2h --json"});
  add_reason_code(app, *flags, "Only those refused for this reason");
  app.option("--since", flags->since, "Only those rejected since a time, or so long ago").type_name("TIME|AGO");
  app.option("--limit", flags->limit, "At most so many").between(std::size_t{1}, std::size_t{100'000}).default_shown();
  app.flag("--resolved", flags->with_resolved, "Also those that were retried or dropped");
  run_by(app, cli, flags, run_list);
}

void add_show(const Command& rejected, Cli& cli) {
  auto flags = std::make_shared<Flags>();
  const Command app = rejected.subcommand("show", "Shows one with topic, reason, times and its bytes.",
                                          {"hermes rejected show 17", "hermes rejected show 17 --raw > payload.json"});
  add_ids(app, *flags).required().once();
  app.flag("--raw", flags->raw, "Write the bytes as they came, and nothing else");
  run_by(app, cli, flags, run_show);
}

void add_retry(const Command& rejected, Cli& cli) {
  auto flags = std::make_shared<Flags>();
  const Command app =
      rejected.subcommand("retry", "Tries to append them again. What is refused again stays open. Exit code 1 if any does.",
                          {"hermes rejected retry 17 18", "hermes rejected retry --reason parked_too_long"});
  add_ids(app, *flags);
  add_reason_code(app, *flags, "All open ones that were refused for this reason");
  app.flag("--all", flags->all, "All open ones");
  add_who(app, *flags);
  run_by(app, cli, flags, run_retry);
}

void add_drop(const Command& rejected, Cli& cli) {
  auto flags = std::make_shared<Flags>();
  const Command app = rejected.subcommand(
      "drop", "Takes them off the list, with who did it and why. Asks before it does.",
      {"hermes rejected drop 17 --reason 'a test of ours'", "hermes rejected drop 17 18 --reason spam --yes"});
  add_ids(app, *flags).required();
  app.option("--reason", flags->why, "Why; kept with them").required().check(check_kept_text);
  app.flag("--yes", flags->yes, "Do not ask");
  add_who(app, *flags);
  run_by(app, cli, flags, run_drop);
}

}  // namespace

void add_rejected(const Command& root, Cli& cli) {
  const Command app =
      root.subcommand("rejected", "What could not be appended: list it, show it, retry it, drop it.",
                      {"hermes rejected list", "hermes rejected show 17", "hermes rejected retry --reason parked_too_long",
                       "hermes rejected drop 17 --reason 'a test of ours'"});
  app.requires_subcommand();
  add_list(app, cli);
  add_show(app, cli);
  add_retry(app, cli);
  add_drop(app, cli);
}

}  // namespace hermes::tools
