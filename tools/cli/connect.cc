#include "tools/cli/connect.h"

namespace hermes::tools {
namespace {

// In another folder than that of the running system, the default ports apply, and no server may listen there.
std::string where_settings_came_from(const Settings& settings) {
  if (!settings.config_files.empty()) return "";
  return ". No settings file was found (see: hermes --help); of a system that ./run_chat.sh has started, set HERMES_STATE_DIR "
         "to its "
         "folder";
}

}  // namespace

postgres::ConnectionPtr connect(const Settings& settings, std::string_view role) {
  postgres::Settings wanted = settings.postgres;
  wanted.role = role;
  auto connection = postgres::connect(wanted);
  if (!connection) throw CommandError(kUnreachable, connection.error().message + where_settings_came_from(settings));
  return std::move(*connection);
}

CommandError takes_no_writes(const Settings& settings, const std::string& words) {
  return {kUnreachable, "PostgreSQL at " + postgres::address_of(settings.postgres) + " takes no writes: " + words +
                            ". It is a standby or was made read-only. Try: hermes doctor"};
}

}  // namespace hermes::tools
