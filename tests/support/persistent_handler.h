// An ingester's way of going on with a database that fails: connect again, settle what is unknown, hand in the batch again.
// Counts what it met.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include "eventstore/commands/command_handler.h"
#include "eventstore/postgres/connection.h"

namespace hermes::test_support {

class PersistentHandler {
 public:
  // Waits until it can connect. `when_full` is called each time the database can't take a batch for now.
  explicit PersistentHandler(
      postgres::Settings settings, std::function<void()> when_full = [] {});

  // Returns when the batch is in. Throws std::runtime_error if it is refused or the database stays away for a minute.
  std::vector<eventstore::Handled> handle(const std::vector<eventstore::Incoming>& batch);

  int settled_as_committed = 0;
  int settled_as_not_committed = 0;
  int unavailable = 0;
  int later = 0;

 private:
  postgres::ConnectionPtr connect();
  std::optional<std::vector<eventstore::Handled>> settle();

  postgres::Settings settings_;
  std::function<void()> when_full_;
  postgres::ConnectionPtr connection_;
  std::unique_ptr<eventstore::CommandHandler> handler_;
};

}  // namespace hermes::test_support
