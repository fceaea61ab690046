// Parses a line that a user types: a command, or text for the standing recipient. Pure.
//
//   send USER TEXT · broadcast TEXT · to [USER] · history [N] [USER] · status [ID] · timeline ID · inbox · users · typing USER
//   help [COMMAND] · quit
//
// A command may begin with a slash. Capitals are accepted where the line cannot be the beginning of a message. With a standing
// recipient, a line that is not a command is a message to them; a line that begins with a blank is always a message.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "adapters/terminal/console.h"

namespace hermes::terminal {

inline constexpr int kHistoryDefault = 20;
inline constexpr int kHistoryMax = 2'000;

namespace command {
struct Nothing {};  // an empty line
struct Send {
  std::string user;
  std::string text;
};
struct Broadcast {
  std::string text;
};
struct To {
  std::string user;  // empty: nobody from now on
};
struct History {
  int count = kHistoryDefault;
  std::string user;  // empty: with anybody
};
struct Status {
  std::string id;  // empty: of the client and its last message
};
struct Timeline {
  std::string id;
};
struct Inbox {};
struct Users {};
struct Typing {
  std::string user;
};
struct Help {
  std::string command;  // empty: all
};
struct Quit {};
// Not understood; the text says what was meant.
struct Wrong {
  std::string message;
  bool is_a_command = false;  // it certainly is: it has a command's shape, but exceeds one of its limits
};
}  // namespace command

using Command = std::variant<command::Nothing, command::Send, command::Broadcast, command::To, command::History,
                             command::Status, command::Timeline, command::Inbox, command::Users, command::Typing, command::Help,
                             command::Quit, command::Wrong>;

// `standing_recipient`: empty if there is none.
Command parse_command(std::string_view line, std::string_view standing_recipient);

// The lines to print for help. Requires: `command` is empty or names one.
std::vector<Entry> help_entries(std::string_view command);

struct KnownWords {
  std::vector<std::string> users;
  std::vector<std::string> message_ids;
};
// Completes commands, and users or message ids where one is expected.
Completion complete_command(std::string_view to_cursor, std::string_view standing_recipient, const KnownWords& known);

// To whom the user is writing a message just now; nothing while it is a command, a broadcast, or not yet clear.
std::optional<std::string> recipient_being_written_to(std::string_view line, std::string_view standing_recipient);

}  // namespace hermes::terminal
