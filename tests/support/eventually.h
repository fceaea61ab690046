// Waits for a condition instead of for a time. The limit is generous, since it only matters when the test fails.
//
//   EXPECT_TRUE(eventually([&] { return database.value("SELECT count(*) FROM chat_messages") == "2"; }));
#pragma once

#include <chrono>
#include <thread>

namespace hermes::test_support {

template <class Condition>
bool eventually(Condition condition, std::chrono::milliseconds limit = std::chrono::seconds(60)) {
  constexpr std::chrono::milliseconds kPoll{10};
  const auto deadline = std::chrono::steady_clock::now() + limit;
  while (!condition()) {
    if (std::chrono::steady_clock::now() > deadline) return false;
    std::this_thread::sleep_for(kPoll);
  }
  return true;
}

}  // namespace hermes::test_support
