#pragma once

#include <string>

namespace hermes {

// This machine's name, or "unknown".
std::string host_name();

}  // namespace hermes
