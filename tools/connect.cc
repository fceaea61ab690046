#include "tools/cli.h"

namespace hermes::tools {

postgres::ConnectionPtr connect(const Settings& settings, std::string_view role) {
  postgres::Settings wanted = settings.postgres;
  wanted.role = role;
  auto connection = postgres::connect(wanted);
  if (!connection) throw CommandError(kUnreachable, connection.error().message);
  return std::move(*connection);
}

}  // namespace hermes::tools
