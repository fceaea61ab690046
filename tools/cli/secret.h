// Passwords are never flags, because others on the machine can read a command line. They come from NAME, or from the file that
// NAME_FILE names; if both are set, NAME wins.
#pragma once

#include <string>

namespace hermes::tools {

// NAME, or the first line of the file. Empty: neither is set. Throws CommandError(kUsage) for a file that cannot be read.
std::string secret(const std::string& name);

// The file, so that it can be read again when the password may have changed; empty if the password is not from a file.
std::string secret_file(const std::string& name);

}  // namespace hermes::tools
