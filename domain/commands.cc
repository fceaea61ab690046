#include "domain/commands.h"

namespace hermes::domain {

std::string_view to_string(Status status) {
  switch (status) {
    case Status::sent: return "sent";
    case Status::received_by_server: return "received_by_server";
    case Status::delivered: return "delivered";
    case Status::read: return "read";
  }
  return "unknown";
}

std::optional<Status> parse_status(std::string_view text) {
  for (Status status : {Status::sent, Status::received_by_server, Status::delivered, Status::read}) {
    if (text == to_string(status)) return status;
  }
  return std::nullopt;
}

}  // namespace hermes::domain
