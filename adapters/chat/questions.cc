#include "adapters/chat/questions.h"

#include <algorithm>
#include <iterator>
#include <map>
#include <utility>

#include "adapters/chat/answers.h"
#include "base/printable_text.h"
#include "base/wall_clock.h"

namespace hermes::chat {

using terminal::Entry;
using terminal::note;

Questions::Questions(domain::UserId user, Seen& seen, QueryClient& queries, terminal::Console& console, Replies& replies)
    : user_(std::move(user)), seen_(seen), queries_(queries), console_(console), replies_(replies) {}

void Questions::ask(const std::string& path, const QueryClient::Parameters& parameters, QueryClient::Handler handler) {
  ++open_;
  queries_.get(path, parameters, [this, handler = std::move(handler)](const QueryClient::Answer& answer) {
    --open_;
    handler(answer);
  });
}

void Questions::history(int count, const std::string& with) { history_page(count, with, "", {}); }

void Questions::history_page(int left, const std::string& with, const std::string& before, std::vector<Entry> newer) {
  QueryClient::Parameters parameters{{"user", user_.str()}, {"limit", std::to_string(std::min(left, QueryClient::kPageMax))}};
  if (!with.empty()) parameters.emplace_back("with", with);
  if (!before.empty()) parameters.emplace_back("before", before);
  ask("/v1/messages", parameters, [this, left, with, newer = std::move(newer)](const QueryClient::Answer& answer) {
    if (!answer) return replies_.say_failed(answer.error().message);
    std::vector<Entry> entries = history_entries(*answer, user_.str(), wall_clock());
    const int rest = left - static_cast<int>(entries.size());
    const std::string next = next_page(*answer);
    const bool got_some = !entries.empty();
    std::ranges::copy(newer, std::back_inserter(entries));
    if (rest > 0 && !next.empty() && got_some) return history_page(rest, with, next, std::move(entries));
    if (entries.empty()) return replies_.say("There are no messages" + (with.empty() ? "" : " with " + with) + " yet");
    show_with_short_ids(std::move(entries));
  });
}

// Beside the mark, in a column of its own.
void Questions::show_with_short_ids(std::vector<Entry> messages) {
  for (const Entry& message : messages) seen_.ids.add(message.id);
  std::size_t columns = 0;
  for (Entry& message : messages) {
    message.id = seen_.ids.shortened(message.id);
    columns = std::max(columns, display_width(escape_for_terminal(message.id)));
  }
  for (Entry& message : messages) message.id.append(columns - display_width(escape_for_terminal(message.id)), ' ');
  console_.show(messages);
}

void Questions::status(const std::string& beginning) {
  const auto whole = whole_id(beginning);
  if (!whole) return;
  ask(status_path(*whole), {}, [this, id = *whole](const QueryClient::Answer& answer) {
    if (!answer) {
      if (const auto words = seen_.own.words_for(id)) replies_.say(id + ": " + *words + ", as far as this session knows");
      return replies_.say_failed(answer.error().message);
    }
    std::vector<Entry> entries = status_entries(*answer, wall_clock());
    entries.insert(entries.begin(), note(id));
    console_.show(entries);
  });
}

void Questions::timeline(const std::string& beginning) {
  const auto whole = whole_id(beginning);
  if (!whole) return;
  ask(timeline_path(*whole), {}, [this, id = *whole](const QueryClient::Answer& answer) {
    if (!answer) return replies_.say_failed(answer.error().message);
    std::vector<Entry> entries = timeline_entries(*answer, wall_clock());
    entries.insert(entries.begin(), note(id));
    console_.show(entries);
  });
}

void Questions::inbox() {
  ask("/v1/inbox/" + percent_encoded(user_.str()), {}, [this](const QueryClient::Answer& answer) {
    if (!answer) return replies_.say_failed(answer.error().message);
    for (const std::string& id : message_ids_in(*answer)) seen_.ids.add(id);
    std::vector<Entry> entries = inbox_entries(*answer, wall_clock());
    if (entries.empty()) entries.push_back(note("Nobody has written to you yet"));
    console_.show(entries);
  });
}

void Questions::users() {
  ask("/v1/users", {{"limit", std::to_string(QueryClient::kPageMax)}}, [this](const QueryClient::Answer& answer) {
    std::map<std::string, std::string> names;
    for (const std::string& user : seen_.users.ids()) names[user];
    if (answer) {
      for (const KnownUser& user : users_in(*answer)) names[user.id] = user.name;
    }
    std::vector<Entry> lines;
    for (const auto& [id, name] : names)
      lines.push_back(note("  " + id + (name.empty() || name == id ? "" : " (" + name + ")")));
    if (lines.empty()) lines.push_back(note("Nobody yet"));
    console_.show(lines);
    if (!answer) replies_.say_failed("Those of this session only: " + answer.error().message);
  });
}

std::optional<std::string> Questions::whole_id(const std::string& beginning) {
  constexpr std::size_t kNamed = 5;
  const std::vector<std::string> found = seen_.ids.beginning_with(beginning);
  if (found.empty()) return beginning;
  if (found.size() == 1) return found.front();
  std::string list;
  for (std::size_t i = 0; i < std::min(found.size(), kNamed); ++i) list += (i == 0 ? "" : ", ") + seen_.ids.shortened(found[i]);
  replies_.say_failed(counted(found.size(), "message") + " begin with '" + beginning + "': " + list +
                      (found.size() > kNamed ? ", …" : ""));
  return std::nullopt;
}

}  // namespace hermes::chat
