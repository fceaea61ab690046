#include "tools/cli/log_notifications.h"

#include <string>

#include "eventstore/log/event_log.h"

namespace hermes::tools {

class LogNotifications::Receiver : public pqxx::notification_receiver {
 public:
  explicit Receiver(postgres::Connection& connection)
      : pqxx::notification_receiver(connection, std::string(eventstore::kNotificationChannel)) {}
  void operator()(const std::string&, int) override {}  // only the arrival counts
};

LogNotifications::LogNotifications(postgres::Connection& connection)
    : connection_(connection), receiver_(std::make_unique<Receiver>(connection)) {}

LogNotifications::~LogNotifications() = default;

void LogNotifications::wait(std::chrono::milliseconds at_most) {
  const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(at_most);
  const auto rest = std::chrono::duration_cast<std::chrono::microseconds>(at_most - seconds);
  connection_.await_notification(seconds.count(), rest.count());
}

}  // namespace hermes::tools
