// Wakes a command that follows the log when events are appended.
#pragma once

#include <chrono>
#include <memory>

#include "eventstore/postgres/connection.h"

namespace hermes::tools {

class LogNotifications {
 public:
  // Listens on the connection, which must outlive this. Requires: no transaction is open.
  explicit LogNotifications(postgres::Connection& connection);
  ~LogNotifications();

  // Returns when events were appended, or after `at_most`: then the caller looks again, for parked receipts (which are not
  // announced) or after a lost notification. Requires: no transaction is open. Throws pqxx::broken_connection.
  void wait(std::chrono::milliseconds at_most);

 private:
  class Receiver;
  postgres::Connection& connection_;
  std::unique_ptr<Receiver> receiver_;
};

}  // namespace hermes::tools
