// Random chat, appended to the log in a thread of its own: direct messages and broadcasts, receipts soon and late, typing. It
// goes on when the database goes away for a while.
#pragma once

#include <atomic>
#include <cstdint>
#include <exception>
#include <thread>
#include <vector>

#include "domain/commands.h"
#include "eventstore/postgres/connection.h"

namespace hermes::test_support {

// The commands that belong to the messages [from, to), with receipts for some of the messages before them. The same for the
// same numbers, up to the random choice of who has read what.
std::vector<domain::Command> some_chat(int from, int to);

class ChatLoad {
 public:
  // About so many messages a second, each of them two to six events.
  ChatLoad(const postgres::Settings& settings, int first_message, int messages_per_second);

  ~ChatLoad() { stop_ = true; }  // and the thread is joined

  // Ends it; throws what ended it before. Returns the number after the last message.
  int stop();

 private:
  void run(const postgres::Settings& settings, int messages_per_second);

  std::atomic<int> next_;
  std::atomic<bool> stop_{false};
  std::exception_ptr failure_;
  std::jthread thread_;
};

}  // namespace hermes::test_support
