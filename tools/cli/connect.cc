#include "tools/cli/connect.h"

namespace hermes::tools {

postgres::ConnectionPtr connect(const Settings& settings, std::string_view role) {
  postgres::Settings wanted = settings.postgres;
  wanted.role = role;
  auto connection = postgres::connect(wanted);
  if (!connection) throw CommandError(kUnreachable, connection.error().message);
  return std::move(*connection);
}

CommandError takes_no_writes(const Settings& settings, const std::string& words) {
  return {kUnreachable, "PostgreSQL at " + postgres::address_of(settings.postgres) + " takes no writes: " + words +
                            ". It is a standby or was made read-only. Try: hermes doctor"};
}

}  // namespace hermes::tools
