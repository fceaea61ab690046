#include <unistd.h>

#include <cstdlib>
#include <string_view>

#include "adapters/terminal/console.h"
#include "adapters/terminal/plain_console.h"
#include "adapters/terminal/terminal_console.h"

namespace hermes::terminal {

std::unique_ptr<Console> open_console(const std::string& history_file) {
  const char* kind = std::getenv("TERM");
  const bool can_move_its_cursor = kind != nullptr && *kind != '\0' && std::string_view(kind) != "dumb";
  if (can_move_its_cursor && ::isatty(STDIN_FILENO) == 1 && ::isatty(STDOUT_FILENO) == 1)
    return std::make_unique<TerminalConsole>(history_file);
  return std::make_unique<PlainConsole>(STDIN_FILENO, stdout);
}

}  // namespace hermes::terminal
