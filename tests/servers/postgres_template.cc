#include "tests/servers/postgres_template.h"

#include <fcntl.h>
#include <pwd.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <fstream>
#include <stdexcept>
#include <system_error>
#include <vector>

#include "tests/servers/temporary_folder.h"

namespace hermes::private_servers {
namespace {

namespace fs = std::filesystem;

constexpr int kLayout = 3;  // of the template: raised when what follows changes, so that an old one is not used

// What Hermes finds in a real installation: a login role that is no superuser but may create the service roles, and may hand on
// the right to leave the checks of foreign keys to the projector (migrations/0011_projector.sql).
constexpr const char* kRoles =
    "CREATE ROLE dbowner LOGIN CREATEROLE PASSWORD 'private'\n"
    "GRANT SET ON PARAMETER session_replication_role TO dbowner WITH GRANT OPTION\n"
    "CREATE DATABASE public OWNER dbowner TEMPLATE template0 ENCODING 'UTF8'\n";

void must_succeed(const std::vector<std::string>& command, const ProcessOptions& options, std::string_view input = {}) {
  ProcessOptions with_input = options;
  with_input.input_by_pipe = true;
  Process process = Process::start(command, with_input);
  process.write(input);
  process.close_input();
  if (process.wait(std::chrono::minutes(2)) != 0) {
    throw std::runtime_error("cannot make a PostgreSQL cluster: " + command.front() + " failed: " + process.output());
  }
}

// The folder is ours alone: in the shared temporary folder somebody else could have made one of that name.
void require_own(const fs::path& folder, uid_t owner) {
  struct stat info {};
  if (lstat(folder.c_str(), &info) != 0 || !S_ISDIR(info.st_mode) || info.st_uid != owner || (info.st_mode & 022) != 0) {
    throw std::runtime_error(folder.string() + " is not ours: remove it");
  }
}

void make_template(const fs::path& target, const std::optional<UserAndGroup>& user) {
  const TemporaryFolder work("hermes-initdb");
  const fs::path data = work / "data";
  std::ofstream(work / "password") << kPostgresPassword << '\n';
  if (user && chown(work.path().c_str(), user->uid, user->gid) != 0) {
    throw std::system_error(errno, std::generic_category(), work.path());
  }
  const ProcessOptions options{
      .environment = {{"LC_ALL", "C.UTF-8"}, {"TZ", "UTC"}}, .folder = work.path(), .output = work / "output", .as = user};
  must_succeed(
      {postgres_bin() / "initdb", "--pgdata=" + data.string(), "--username=postgres", "--encoding=UTF8", "--lc-collate=C",
       "--auth-local=trust", "--auth-host=scram-sha-256", "--pwfile=" + (work / "password").string(), "--no-sync"},
      options);
  must_succeed({postgres_bin() / "postgres", "--single", "-F", "-D", data, "postgres"}, options, kRoles);
  fs::rename(data, target);
}

class Lock {
 public:
  explicit Lock(const fs::path& file) : file_(open(file.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600)) {
    if (file_ < 0 || flock(file_, LOCK_EX) != 0) throw std::system_error(errno, std::generic_category(), file);
  }
  ~Lock() { close(file_); }
  Lock(const Lock&) = delete;

 private:
  int file_;
};

}  // namespace

fs::path postgres_bin() {
  if (const char* given = std::getenv("HERMES_POSTGRES_BIN")) return given;
  std::vector<std::pair<int, fs::path>> found;
  std::error_code absent;
  for (const fs::directory_entry& version : fs::directory_iterator("/usr/lib/postgresql", absent)) {
    if (fs::exists(version.path() / "bin" / "postgres")) {
      found.emplace_back(std::atoi(version.path().filename().c_str()), version.path() / "bin");
    }
  }
  if (found.empty()) throw std::runtime_error("PostgreSQL is not installed. Try: apt-get install postgresql");
  return std::max_element(found.begin(), found.end())->second;
}

std::optional<UserAndGroup> postgres_user() {
  if (geteuid() != 0) return std::nullopt;
  const passwd* entry = getpwnam("postgres");
  if (entry == nullptr) throw std::runtime_error("there is no user 'postgres', which PostgreSQL runs as when we are root");
  return UserAndGroup{.uid = entry->pw_uid, .gid = entry->pw_gid};
}

void copy_postgres_template(const fs::path& target) {
  const std::optional<UserAndGroup> user = postgres_user();
  const std::string version = postgres_bin().parent_path().filename();
  const fs::path cache = fs::temp_directory_path() / ("hermes-postgres-template-" + std::to_string(geteuid()));
  if (mkdir(cache.c_str(), 0711) != 0 && errno != EEXIST) {
    throw std::system_error(errno, std::generic_category(), cache);
  }
  require_own(cache, geteuid());
  const fs::path ready = cache / (version + "-" + std::to_string(kLayout));
  {
    const Lock lock(cache / "lock");
    if (!fs::exists(ready)) make_template(ready, user);
  }
  must_succeed({"cp", "--archive", "--reflink=auto", ready, target}, ProcessOptions{});
}

}  // namespace hermes::private_servers
