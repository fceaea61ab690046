#include "tests/support/servers.h"

namespace hermes::test_support {

std::string hermes_command() { return HERMES_COMMAND; }

}  // namespace hermes::test_support
