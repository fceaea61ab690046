// The file that is meant by a name, for those who write a file beside it and rename it: that would put the new file in the
// place of a symbolic link, and of a device.
#pragma once

#include <string>

namespace hermes::tools {

// What a symbolic link leads to, there or not; any other path as it is. Throws CommandError for links that go round.
std::string link_target(const std::string& path);

// Whether the path is a device, a pipe or a socket: something to write into as it is.
bool is_written_in_place(const std::string& path);

}  // namespace hermes::tools
