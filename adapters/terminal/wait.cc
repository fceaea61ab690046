#include "adapters/terminal/wait.h"

#include <poll.h>

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <system_error>

namespace hermes::terminal {

Ready wait_for_any(int input, int signals, const std::vector<int>& wake_descriptors,
                   std::optional<std::chrono::steady_clock::time_point> deadline) {
  std::vector<pollfd> watched{{input, POLLIN, 0}, {signals, POLLIN, 0}};
  for (const int descriptor : wake_descriptors) watched.push_back({descriptor, POLLIN, 0});
  int timeout_ms = -1;
  if (deadline) {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(*deadline - std::chrono::steady_clock::now()).count();
    timeout_ms = static_cast<int>(std::clamp<std::int64_t>(left, 0, 3'600'000));
  }
  if (::poll(watched.data(), watched.size(), timeout_ms) < 0) {
    if (errno == EINTR) return {};
    throw std::system_error(errno, std::generic_category(), "cannot wait for input");
  }
  Ready ready;
  ready.input = watched[0].revents != 0;
  ready.signal = watched[1].revents != 0;
  ready.woken = std::any_of(watched.begin() + 2, watched.end(), [](const pollfd& one) { return one.revents != 0; });
  ready.deadline = deadline && std::chrono::steady_clock::now() >= *deadline;
  return ready;
}

}  // namespace hermes::terminal
