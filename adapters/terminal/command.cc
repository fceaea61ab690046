#include "adapters/terminal/command.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <charconv>

#include "base/closest_word.h"

namespace hermes::terminal {
namespace {

struct Description {
  std::string_view name;
  std::string_view usage;
  std::string_view purpose;
  std::string_view more;
};

constexpr std::array kCommands = {
    Description{"send", "send USER TEXT", "sends TEXT to USER",
                "The text is on the disk before it is shown, and is sent until the server has it. ✓ the server has it, ✓✓ "
                "delivered, ✓✓✓ read."},
    Description{"broadcast", "broadcast TEXT", "sends TEXT to everyone",
                "✓✓ and ✓✓✓ appear with the first who has got or read it."},
    Description{"to", "to [USER]", "what you type from now on goes to USER",
                "A line that begins with a blank is always a message, whatever it looks like. Without USER: nobody any more."},
    Description{"history", "history [N] [USER]", "the last N messages (20), with USER or with anybody",
                "Asks the query service (hermes serve); N is at most 2000. The word behind the mark is the beginning of the "
                "message's id, "
                "for status and timeline."},
    Description{"status", "status [ID]", "what happened to a message; without ID: connection, outbox, your last message",
                "ID may be the beginning of the id of a message that this session has shown; `history` shows the ids, Tab "
                "completes them."},
    Description{
        "timeline", "timeline ID", "the whole story of a message, from the log",
        "ID may be the beginning of the id of a message that this session has shown; `history` shows the ids, Tab completes "
        "them. Asks the query service (hermes serve)."},
    Description{"inbox", "inbox", "your conversations, and how many messages are unread",
                "Asks the query service (hermes serve)."},
    Description{"users", "users", "who is there to write to", "Those of this session, and those the query service knows."},
    Description{"typing", "typing USER", "tells USER for three seconds that you are typing",
                "While you type a message this happens by itself."},
    Description{"help", "help [COMMAND]", "this list, or more about COMMAND", ""},
    Description{"quit", "quit", "leaves; what is not sent yet stays in the outbox for the next time", "Ctrl-D does the same."},
};

const Description* find(std::string_view name) {
  const auto* found = std::ranges::find(kCommands, name, &Description::name);
  return found == kCommands.end() ? nullptr : found;
}

std::string_view without_blanks(std::string_view text) {
  const std::size_t first = text.find_first_not_of(" \t");
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(" \t") - first + 1);
}

// The first word, and the text after the blanks behind it.
std::pair<std::string_view, std::string_view> split(std::string_view text) {
  text = without_blanks(text);
  const std::size_t end = text.find_first_of(" \t");
  if (end == std::string_view::npos) return {text, {}};
  return {text.substr(0, end), without_blanks(text.substr(end))};
}

std::vector<std::string_view> words_of(std::string_view text) {
  std::vector<std::string_view> words;
  while (!(text = without_blanks(text)).empty()) {
    const auto [word, rest] = split(text);
    words.push_back(word);
    text = rest;
  }
  return words;
}

std::optional<int> number(std::string_view text) {
  int value = 0;
  const char* end = text.data() + text.size();
  const auto [stopped, error] = std::from_chars(text.data(), end, value);
  if (error != std::errc() || stopped != end) return std::nullopt;
  return value;
}

std::string lower(std::string_view text) {
  std::string out(text);
  std::ranges::transform(out, out.begin(), [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return out;
}

// For a shortened name, all names that begin with it; otherwise the nearest one.
std::string suggestion_for(std::string_view typed) {
  const std::string word = lower(typed);
  std::vector<std::string> names;
  std::vector<std::string> meant;
  for (const Description& description : kCommands) {
    names.emplace_back(description.name);
    if (!word.empty() && description.name.starts_with(word)) meant.emplace_back(description.name);
  }
  if (meant.empty()) meant.push_back(closest_word(word, names));
  if (meant.front().empty()) return "";
  std::string list;
  for (std::size_t i = 0; i < meant.size(); ++i)
    list += (i == 0 ? "'" : i + 1 == meant.size() ? " or '" : ", '") + meant[i] + "'";
  return " Did you mean " + list + "?";
}

std::string no_such_command(std::string_view name) {
  return "there is no command '" + std::string(name) + "'." + suggestion_for(name) + " Type help for the commands";
}

Command usage(const Description& description, std::string_view problem) {
  return command::Wrong{std::string(problem) + ". Usage: " + std::string(description.usage)};
}

Command parse_history(const Description& description, const std::vector<std::string_view>& words) {
  command::History history;
  std::size_t at = 0;
  if (at < words.size()) {
    if (const auto count = number(words[at])) {
      if (*count < 1 || *count > kHistoryMax) {
        return command::Wrong{"N is from 1 to " + std::to_string(kHistoryMax) + ". Usage: " + std::string(description.usage),
                              /*is_a_command=*/true};
      }
      history.count = *count;
      ++at;
    }
  }
  if (at < words.size()) history.user = words[at++];
  if (at < words.size()) return usage(description, "history takes a number and a user");
  return history;
}

// A command by its name; Wrong if its arguments do not fit.
Command parse_known(const Description& description, std::string_view rest) {
  const std::string_view name = description.name;
  const std::vector<std::string_view> words = words_of(rest);
  const auto only_word = [&] { return words.empty() ? std::string() : std::string(words[0]); };
  if (name == "send") {
    const auto [user, text] = split(rest);
    if (text.empty()) return usage(description, "send needs a user and a text");
    return command::Send{std::string(user), std::string(text)};
  }
  if (name == "broadcast") {
    if (rest.empty()) return usage(description, "broadcast needs a text");
    return command::Broadcast{std::string(rest)};
  }
  if (name == "history") return parse_history(description, words);
  if (words.size() > 1) return usage(description, "that is one word too many for " + std::string(name));
  if (name == "to") return command::To{only_word()};
  if (name == "status") return command::Status{only_word()};
  if (name == "timeline" || name == "typing") {
    if (words.empty())
      return usage(description, std::string(name) + (name == "typing" ? " needs a user" : " needs a message id"));
    if (name == "typing") return command::Typing{only_word()};
    return command::Timeline{only_word()};
  }
  if (name == "help") {
    if (words.empty()) return command::Help{};
    const std::string asked = lower(words[0].starts_with('/') ? words[0].substr(1) : words[0]);
    if (!find(asked)) return command::Wrong{no_such_command(words[0])};
    return command::Help{asked};
  }
  if (!words.empty()) return usage(description, std::string(name) + " takes no arguments");
  if (name == "inbox") return command::Inbox{};
  if (name == "users") return command::Users{};
  return command::Quit{};
}

}  // namespace

Command parse_command(std::string_view line, std::string_view standing_recipient) {
  const std::string_view text = without_blanks(line);
  if (text.empty()) return command::Nothing{};
  const bool has_recipient = !standing_recipient.empty();
  const auto message = [&]() -> Command { return command::Send{std::string(standing_recipient), std::string(text)}; };
  if (has_recipient && (line.front() == ' ' || line.front() == '\t')) return message();

  const auto [first, rest] = split(text);
  const bool slash = first.front() == '/';
  const std::string_view name = slash ? first.substr(1) : first;
  // "Send him my love" is not a command if there is a standing recipient.
  const Description* description = find(has_recipient && !slash ? std::string(name) : lower(name));
  if (!description) {
    if (has_recipient && !slash) return message();
    return command::Wrong{no_such_command(name) + (slash ? "" : ", or to USER to write to somebody")};
  }
  Command parsed = parse_known(*description, rest);
  // "history was made" does not ask for history.
  const auto* wrong = std::get_if<command::Wrong>(&parsed);
  if (has_recipient && !slash && wrong && !wrong->is_a_command) return message();
  return parsed;
}

std::vector<Entry> help_entries(std::string_view name) {
  constexpr std::size_t kUsageColumns = 20;
  std::vector<Entry> entries;
  if (!name.empty()) {
    const Description& description = *find(name);
    entries.push_back(note(std::string(description.usage) + ": " + std::string(description.purpose) + "."));
    if (!description.more.empty()) entries.push_back(note(std::string(description.more)));
    return entries;
  }
  for (const Description& description : kCommands) {
    std::string usage(description.usage);
    usage.resize(std::max<std::size_t>(usage.size(), kUsageColumns), ' ');
    entries.push_back(hanging_note(usage + " " + std::string(description.purpose), kUsageColumns + 1));
  }
  return entries;
}

Completion complete_command(std::string_view to_cursor, std::string_view standing_recipient, const KnownWords& known) {
  const std::size_t blank = to_cursor.find_last_of(" \t");
  const std::string_view word = blank == std::string_view::npos ? to_cursor : to_cursor.substr(blank + 1);
  const std::vector<std::string_view> before = words_of(to_cursor.substr(0, to_cursor.size() - word.size()));
  Completion completion{word.size(), {}};
  const auto offer = [&](std::string_view candidate, std::string_view typed) {
    if (candidate.starts_with(typed)) completion.candidates.emplace_back(candidate);
  };
  if (before.empty()) {
    const bool slash = word.starts_with('/');
    if (slash) completion.word_bytes -= 1;
    // Text for the standing recipient may begin with any word, so an empty line offers nothing then.
    if (word.empty() && !standing_recipient.empty()) return completion;
    for (const Description& description : kCommands) offer(description.name, slash ? word.substr(1) : word);
    return completion;
  }
  std::string_view name = before[0];
  if (name.starts_with('/')) name.remove_prefix(1);
  const bool first_argument = before.size() == 1;
  const bool takes_user = (first_argument && (name == "send" || name == "to" || name == "typing" || name == "history")) ||
                          (before.size() == 2 && name == "history" && number(before[1]));
  if (takes_user) {
    for (const std::string& user : known.users) offer(user, word);
  } else if (first_argument && (name == "status" || name == "timeline")) {
    for (const std::string& id : known.message_ids) offer(id, word);
  } else if (first_argument && name == "help") {
    for (const Description& description : kCommands) offer(description.name, word);
  }
  return completion;
}

std::optional<std::string> recipient_being_written_to(std::string_view line, std::string_view standing_recipient) {
  const Command parsed = parse_command(line, standing_recipient);
  const auto* send = std::get_if<command::Send>(&parsed);
  if (!send) return std::nullopt;
  // "h" on the way to "help" would be text; the beginning of a command is not yet clear.
  const auto [first, rest] = split(line);
  const auto begins = [&](const Description& description) { return description.name.starts_with(first); };
  if (rest.empty() && line.front() != ' ' && std::ranges::any_of(kCommands, begins)) return std::nullopt;
  return send->user;
}

}  // namespace hermes::terminal
