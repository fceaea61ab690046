#include <unistd.h>

#include "adapters/terminal/console.h"
#include "adapters/terminal/plain_console.h"

namespace hermes::terminal {

std::unique_ptr<Console> open_console(const std::string&) { return std::make_unique<PlainConsole>(STDIN_FILENO, stdout); }

}  // namespace hermes::terminal
