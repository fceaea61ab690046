// The user's end of a conversation: prints entries and reads lines, so that neither disturbs the other. There are two kinds:
// TerminalConsole edits the line with libedit and redraws around it; PlainConsole serves pipes and terminals that cannot move
// their cursor, and prints words for what the other one draws.
//
// The console escapes the text of an entry before it prints it (base/printable_text.h): callers pass the original text.
//
// Not thread-safe: for one thread, which spends its time in read_line().
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace hermes::terminal {

// How far one of the user's own messages has come.
enum class Mark { none, waiting, stored, delivered, read, refused };

struct Entry {
  enum class Kind {
    incoming,  // somebody else's message
    outgoing,  // one's own
    note       // from this program
  };
  Kind kind = Kind::note;
  std::string key{};   // names the entry for set_mark; empty: its mark never changes
  std::string time{};  // "12:03"; notes have none
  std::string who{};   // "david", "you → david"
  std::string text{};
  std::string id{};  // names a message to the user, for `status` and `timeline`; empty: not shown
  Mark mark = Mark::none;
  bool one_row = false;     // a note that is a row of a table: cut to the width of the terminal, not wrapped
  std::size_t hanging = 0;  // of a note: columns by which the rows after the first are indented
};

inline Entry note(std::string text) { return {.text = std::move(text)}; }
inline Entry table_row(std::string text) { return {.text = std::move(text), .one_row = true}; }
// A note whose later rows begin under its second column.
inline Entry hanging_note(std::string text, std::size_t columns) { return {.text = std::move(text), .hanging = columns}; }

// What a word can be completed to.
struct Completion {
  std::size_t word_bytes = 0;           // how many bytes at the end of the line the candidates replace
  std::vector<std::string> candidates;  // whole words, without the blank that follows
};

// Called for events while the user types, on the thread that is in read_line(). They may call the console.
struct Events {
  std::vector<int> wake_descriptors{};  // one is readable: on_wake is called
  std::function<void()> on_wake;
  std::function<std::optional<std::chrono::steady_clock::time_point>()> next_deadline;
  std::function<void()> on_deadline;
  std::function<void(std::string_view line)> on_edit;              // the line being typed has changed
  std::function<Completion(std::string_view to_cursor)> complete;  // `to_cursor`: the text before the cursor
  std::function<bool()> may_read;                                  // false: leave the next line unread for now (pipes only)
  std::function<bool()> over;                                      // true after on_wake: read_line() returns, terminated
};

struct Input {
  enum class Kind { line, end, terminated } kind;  // a line; the end of input; this process shall end
  std::string line{};
};

class Console {
 public:
  virtual ~Console() = default;

  virtual Input read_line(const Events& events) = 0;

  virtual void show(const std::vector<Entry>& entries) = 0;
  // `words` are for a console that cannot change printed text: "read by david".
  virtual void set_mark(std::string_view key, Mark mark, std::string_view words) = 0;
  // A line above the prompt until it is replaced or emptied: who is typing, or that there is no connection.
  virtual void set_status(std::string_view text) = 0;
  virtual void set_prompt(std::string_view text) = 0;

  // Whether a person types, who may be interrupted and for whom nothing needs to wait.
  virtual bool interactive() const = 0;
};

// TerminalConsole if both ends are a terminal that can move its cursor, else PlainConsole. `history_file`: entered lines are
// kept there; empty: nowhere.
//
// Blocks the signals that it handles, for this thread and those it starts later: make the console before other threads.
std::unique_ptr<Console> open_console(const std::string& history_file);

}  // namespace hermes::terminal
