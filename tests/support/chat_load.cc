#include "tests/support/chat_load.h"

#include <chrono>
#include <random>
#include <string>

#include "tests/support/log_fixture.h"
#include "tests/support/persistent_handler.h"

namespace hermes::test_support {
namespace {

constexpr int kUsers = 40;
constexpr int kBatchMessages = 20;
constexpr int kReceiptsReachBack = 300;

std::string user_name(int number) { return "user-" + std::to_string(number % kUsers); }

// Who wrote message number n to whom.
std::string id_of(int n) { return "chat-" + std::to_string(n); }
std::string sender_of(int n) { return user_name(n * 7); }
bool is_broadcast(int n) { return n % 10 == 0; }
std::string receiver_of(int n) { return is_broadcast(n) ? "all" : user_name(n * 7 + 1 + n % (kUsers - 1)); }

}  // namespace

std::vector<domain::Command> some_chat(int from, int to) {
  using domain::Status;
  static thread_local std::mt19937 random(std::random_device{}());
  const auto below = [&](int limit) { return std::uniform_int_distribution(0, limit - 1)(random); };
  std::vector<domain::Command> commands;
  for (int n = from; n < to; ++n) {
    commands.push_back(message(id_of(n), sender_of(n), receiver_of(n), "message " + std::to_string(n)));
    for (int i = below(4); i > 0; --i) {
      const int of = n - below(std::min(n + 1, kReceiptsReachBack));
      if (of < 0) continue;
      const std::string by = is_broadcast(of) ? user_name(of * 7 + 1 + below(kUsers - 1)) : receiver_of(of);
      commands.push_back(receipt(id_of(of), below(2) == 0 ? Status::delivered : Status::read, by));
    }
    if (below(5) == 0) commands.push_back(typing(sender_of(n), user_name(below(kUsers)), below(2) == 0));
  }
  return commands;
}

ChatLoad::ChatLoad(const postgres::Settings& settings, int first_message, int messages_per_second)
    : next_(first_message), thread_([this, settings, messages_per_second] { run(settings, messages_per_second); }) {}

void ChatLoad::run(const postgres::Settings& settings, int messages_per_second) {
  try {
    PersistentHandler handler(settings);
    const auto interval = std::chrono::microseconds(std::int64_t{1'000'000} * kBatchMessages / messages_per_second);
    auto next_batch = std::chrono::steady_clock::now();
    while (!stop_) {
      handler.handle(batch(some_chat(next_, next_ + kBatchMessages)));
      next_ += kBatchMessages;
      next_batch += interval;
      std::this_thread::sleep_until(next_batch);
    }
  } catch (...) {
    failure_ = std::current_exception();
  }
}

int ChatLoad::stop() {
  stop_ = true;
  if (thread_.joinable()) thread_.join();
  if (failure_) std::rethrow_exception(failure_);
  return next_;
}

}  // namespace hermes::test_support
