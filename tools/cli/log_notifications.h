// Wakes a command that follows the log, when something was appended.
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

  // Returns when something was appended, or when the time is over: what is not announced (parked receipts, a lost
  // notification) is found by looking again. Requires: no transaction is open. Throws pqxx::broken_connection.
  void wait(std::chrono::milliseconds at_most);

 private:
  class Receiver;
  postgres::Connection& connection_;
  std::unique_ptr<Receiver> receiver_;
};

}  // namespace hermes::tools
