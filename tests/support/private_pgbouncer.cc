#include "tests/support/private_pgbouncer.h"

#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <fstream>
#include <stdexcept>
#include <system_error>

#include "tests/servers/postgres_template.h"
#include "tests/support/eventually.h"

namespace hermes::test_support {
namespace {

constexpr const char* kCommand = "/usr/sbin/pgbouncer";

}  // namespace

bool PrivatePgbouncer::is_installed() { return std::filesystem::exists(kCommand); }

PrivatePgbouncer::PrivatePgbouncer(const PrivatePostgres& server, const std::vector<std::string>& settings)
    : folder_("hermes-pgbouncer"), port_(free_port()) {
  const std::filesystem::path users = folder_ / "users";
  const std::filesystem::path config = folder_ / "pgbouncer.ini";
  std::ofstream(users) << '"' << server.settings().user << "\" \"" << server.settings().password << "\"\n";
  std::ofstream file(config);
  file << "[databases]\n* = host=127.0.0.1 port=" << server.port()
       << "\n[pgbouncer]\nlisten_addr = 127.0.0.1\nlisten_port = " << port_
       << "\nunix_socket_dir =\nauth_type = scram-sha-256\nauth_file = " << users.string() << "\n";
  for (const std::string& setting : settings) file << setting << "\n";
  file.close();
  // It refuses to run as root, like PostgreSQL.
  const auto user = private_servers::postgres_user();
  if (user && chown(folder_.path().c_str(), user->uid, user->gid) != 0) {
    throw std::system_error(errno, std::generic_category(), folder_.path());
  }
  process_ = Process::start({kCommand, config}, {.output = folder_ / "log", .as = user});
  if (!eventually([&] { return accepts_connections(port_) || !process_->running(); }) || !process_->running()) {
    throw std::runtime_error("PgBouncer did not start: " + process_->output());
  }
}

postgres::Settings PrivatePgbouncer::through(postgres::Settings settings) const {
  settings.ports = {port_};
  return settings;
}

}  // namespace hermes::test_support
