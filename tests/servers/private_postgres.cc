#include "tests/servers/private_postgres.h"

#include <sys/ipc.h>
#include <sys/shm.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <fstream>
#include <sstream>
#include <stdexcept>
#include <system_error>
#include <thread>

#include "tests/servers/free_port.h"
#include "tests/servers/postgres_template.h"

namespace hermes::private_servers {
namespace {

constexpr std::chrono::seconds kStartLimit{60};  // recovery after a crash, on a loaded machine
constexpr std::chrono::seconds kStopLimit{60};
constexpr std::chrono::seconds kCopyLimit{120};
constexpr std::chrono::milliseconds kPoll{5};
constexpr int kPortAttempts = 5;       // another process may take a port between our look and the server's start
constexpr std::size_t kLogEnd = 2000;  // characters of the server's log that go into an error

// Lines of postmaster.pid (PostgreSQL source, src/include/utils/pidfile.h): 7 is the shared memory, 8 the state.
std::string line_of_pid_file(const std::filesystem::path& data, int number) {
  std::ifstream file(data / "postmaster.pid");
  std::string line;
  for (int i = 0; i < number; ++i) {
    if (!std::getline(file, line)) return {};
  }
  return line;
}

// The System V shared memory that the server in `data` made for itself; -1 where it says none.
int shared_memory_of(const std::filesystem::path& data) {
  std::istringstream line(line_of_pid_file(data, 7));
  unsigned long key = 0;
  int id = -1;
  return line >> key >> id ? id : -1;
}

std::string end_of(std::string text) { return text.size() > kLogEnd ? text.substr(text.size() - kLogEnd) : text; }

}  // namespace

PrivatePostgres::PrivatePostgres(PostgresOptions options) : PrivatePostgres(std::move(options), copy_postgres_template) {}

std::unique_ptr<PrivatePostgres> PrivatePostgres::standby_of(const PrivatePostgres& primary, const std::string& name) {
  PostgresOptions options = primary.options_;
  options.settings.push_back("cluster_name=" + name);  // also what it calls itself towards the primary
  const auto copy_primary = [&](const std::filesystem::path& data) {
    const std::filesystem::path log = primary.folder_ / "basebackup.log";
    Process copy = Process::start({postgres_bin() / "pg_basebackup", "--pgdata=" + data.string(), "--write-recovery-conf",
                                   "--checkpoint=fast", "--no-sync", "--host=" + primary.socket_folder().string(),
                                   "--port=" + std::to_string(primary.port()), "--username=postgres"},
                                  {.environment = {{"LC_ALL", "C.UTF-8"}}, .output = log, .as = postgres_user()});
    if (copy.wait(kCopyLimit) != 0) throw std::runtime_error("pg_basebackup failed: " + end_of(copy.output()));
  };
  return std::unique_ptr<PrivatePostgres>(new PrivatePostgres(std::move(options), copy_primary));
}

PrivatePostgres::PrivatePostgres(PostgresOptions options,
                                 const std::function<void(const std::filesystem::path&)>& make_data_folder)
    : options_(std::move(options)), folder_("hermes-postgres"), port_(free_port()) {
  if (const auto user = postgres_user(); user && chown(folder_.path().c_str(), user->uid, user->gid) != 0) {
    throw std::system_error(errno, std::generic_category(), folder_.path());
  }
  make_data_folder(data_folder());
  for (int attempt = 1;; ++attempt) {
    try {
      start();
      return;
    } catch (const std::runtime_error&) {
      if (attempt == kPortAttempts || !accepts_connections(port_)) throw;
      port_ = free_port();
    }
  }
}

PrivatePostgres::~PrivatePostgres() {
  stop(Stop::immediate);
  remove_shared_memory();
}

postgres::Settings PrivatePostgres::settings() const {
  postgres::Settings settings;
  settings.host = "127.0.0.1";
  settings.ports = {port_};
  settings.database = "public";
  settings.user = "dbowner";
  settings.password = kPostgresPassword;
  return settings;
}

postgres::Settings PrivatePostgres::superuser() const {
  postgres::Settings settings = this->settings();
  settings.user = "postgres";
  return settings;
}

pid_t PrivatePostgres::pid() const { return process_->pid(); }

void PrivatePostgres::stop(Stop how) {
  if (!process_) return;
  process_->kill(SIGCONT);
  process_->kill(how == Stop::smart ? SIGTERM : how == Stop::fast ? SIGINT : SIGQUIT);
  if (!process_->wait(kStopLimit)) kill();
  process_.reset();
}

void PrivatePostgres::kill() {
  if (!process_) return;
  process_->kill(SIGKILL);
  process_->wait();
  process_.reset();
  wait_for_children();
}

// The children of a killed postmaster see a moment later that it is gone. Until then they hold the shared memory, and the next
// start refuses ("pre-existing shared memory block is still in use").
void PrivatePostgres::wait_for_children() const {
  const int id = shared_memory_of(data_folder());
  const auto deadline = std::chrono::steady_clock::now() + kStopLimit;
  shmid_ds memory{};
  while (id >= 0 && shmctl(id, IPC_STAT, &memory) == 0 && memory.shm_nattch > 0) {
    if (std::chrono::steady_clock::now() > deadline) throw std::runtime_error("children of a killed PostgreSQL do not end");
    std::this_thread::sleep_for(kPoll);
  }
}

void PrivatePostgres::start() {
  std::vector<std::string> command{postgres_bin() / "postgres", "-D", data_folder()};
  const auto set = [&](const std::string& setting) { command.insert(command.end(), {"-c", setting}); };
  set("listen_addresses=127.0.0.1");
  set("port=" + std::to_string(port_));
  set("unix_socket_directories=" + socket_folder().string());
  set("dynamic_shared_memory_type=mmap");  // in the data folder: nothing stays in /dev/shm when it is killed
  set("logging_collector=off");
  set("log_timezone=UTC");
  set("timezone=UTC");
  if (!options_.fsync) {
    set("fsync=off");
    set("full_page_writes=off");
  }
  for (const std::string& setting : options_.settings) set(setting);

  process_ = Process::start(command, {.environment = {{"LC_ALL", "C.UTF-8"}}, .output = log_file(), .as = postgres_user()});
  const auto deadline = std::chrono::steady_clock::now() + kStartLimit;
  const std::string pid = std::to_string(process_->pid());
  // A pid file that a kill left behind carries another number.
  while (line_of_pid_file(data_folder(), 1) != pid || !line_of_pid_file(data_folder(), 8).starts_with("ready")) {
    if (!process_->running() || std::chrono::steady_clock::now() > deadline) {
      const std::string log = end_of(process_->output());
      process_.reset();
      throw std::runtime_error("the private PostgreSQL did not start: " + log);
    }
    std::this_thread::sleep_for(kPoll);
  }
}

void PrivatePostgres::restart(Stop how) {
  stop(how);
  start();
}

// A killed postmaster leaves a few bytes of System V shared memory, which the next start would remove.
void PrivatePostgres::remove_shared_memory() const {
  const int id = shared_memory_of(data_folder());
  if (id >= 0) shmctl(id, IPC_RMID, nullptr);
}

}  // namespace hermes::private_servers
