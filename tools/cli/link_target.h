// Finds the file that a path really names, for code that writes a new file beside it and renames it: a rename would replace a
// symbolic link or a device.
#pragma once

#include <string>

namespace hermes::tools {

// The target of a symbolic link, whether it exists or not; any other path unchanged. Throws CommandError for a loop of links.
std::string link_target(const std::string& path);

// Whether the path is a device, a pipe or a socket, which must be written to directly.
bool is_written_in_place(const std::string& path);

}  // namespace hermes::tools
