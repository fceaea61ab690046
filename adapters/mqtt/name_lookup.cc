#include "adapters/mqtt/name_lookup.h"

#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <mutex>
#include <optional>
#include <system_error>
#include <thread>
#include <utility>

namespace hermes::mqtt {
namespace {

struct Found {
  Addresses addresses;
  int code = 0;  // of getaddrinfo: an EAI_ constant
};

Found ask(const std::string& host, std::uint16_t port, int flags) {
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = flags;
  addrinfo* first = nullptr;
  const int code = ::getaddrinfo(host.c_str(), std::to_string(port).c_str(), &hints, &first);
  return {Addresses(code == 0 ? first : nullptr), code};
}

// Shared by the asking and the waiting thread, because either may finish first.
struct Answer {
  WakeUp there;
  std::mutex mutex;
  std::optional<Found> found;

  void tell(Found&& what) {
    std::lock_guard lock(mutex);
    found = std::move(what);
    there.set();
  }
  std::optional<Found> take() {
    std::lock_guard lock(mutex);
    return std::exchange(found, std::nullopt);
  }
};

// Includes look-ups that nobody waits for any more: a resolver that hangs for ever must not cost another thread with every
// attempt.
constexpr int kLookUpsMax = 8;
std::atomic<int> look_ups_under_way = 0;

Result<Addresses, LookupProblem> judged(Found&& found) {
  if (found.code == EAI_NONAME) return fail(LookupProblem{"unknown host name", true});
  if (found.code != 0) return fail(LookupProblem{::gai_strerror(found.code), true});
  return std::move(found.addresses);
}

}  // namespace

Result<Addresses, LookupProblem> look_up(const std::string& host, std::uint16_t port,
                                         std::chrono::steady_clock::time_point deadline, WakeUp& wake,
                                         const std::function<bool()>& cancelled) {
  // A number needs no resolver.
  if (Found number = ask(host, port, AI_NUMERICHOST); number.code == 0) return judged(std::move(number));

  if (look_ups_under_way >= kLookUpsMax) return fail(LookupProblem{"the name server does not answer"});
  std::shared_ptr<Answer> answer;
  try {
    answer = std::make_shared<Answer>();
    ++look_ups_under_way;
    std::thread([answer, host, port] {
      answer->tell(ask(host, port, 0));
      --look_ups_under_way;
    }).detach();
  } catch (const std::system_error& error) {  // no descriptor, no thread
    if (answer) --look_ups_under_way;
    return fail(LookupProblem{std::string("its name can't be looked up: ") + error.what()});
  }
  for (;;) {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - std::chrono::steady_clock::now());
    if (left.count() <= 0) return fail(LookupProblem{"its name could not be looked up in time"});
    std::array<pollfd, 2> waited{{{answer->there.descriptor(), POLLIN, 0}, {wake.descriptor(), POLLIN, 0}}};
    ::poll(waited.data(), waited.size(), static_cast<int>(left.count()));
    if (waited[1].revents != 0) wake.clear();
    // Always ask: `wake` is set only once until this was asked.
    if (cancelled()) return fail(LookupProblem{"not wanted any more"});
    if (auto found = answer->take()) return judged(std::move(*found));
  }
}

}  // namespace hermes::mqtt
