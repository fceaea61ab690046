#include "tests/servers/watcher.h"

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <charconv>
#include <csignal>
#include <string_view>
#include <system_error>

namespace hermes::private_servers {
namespace {

// SIGQUIT lets PostgreSQL give back its shared memory; what is left half a second later is killed.
constexpr const char* kScript = R"sh(
pids=" "
while read -r what value; do
  case $what in
    +p) pids="$pids $value " ;;
    -p) case $pids in *" $value "*) pids="${pids%% $value *} ${pids#* $value }" ;; esac ;;
    +f) set -- "$@" "$value" ;;
  esac
done
kill -QUIT $pids
for pid in $pids; do
  for attempt in 1 2 3 4 5; do kill -0 "$pid" || break; sleep 0.1; done
  kill -KILL "$pid"
done
while read -r device where rest; do
  for folder; do
    case $where in "$folder"/*) umount -l "$where" ;; esac
  done
done </proc/mounts
rm -rf "$@"
)sh";

std::system_error error(const char* what) { return {errno, std::generic_category(), what}; }

}  // namespace

Watcher& Watcher::of_this_process() {
  static Watcher* watcher = new Watcher;  // never destroyed: the pipe must close last
  return *watcher;
}

Watcher::Watcher() {
  signal(SIGPIPE, SIG_IGN);  // writing to a child that has ended is an error to handle, not the end of this process
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0) throw error("cannot make the watcher's pipe");
  pipe_ = ends[1];
  const int silence = open("/dev/null", O_RDWR | O_CLOEXEC);
  const pid_t pid = fork();
  if (pid < 0) throw error("cannot start the watcher");
  if (pid == 0) {
    setsid();  // a Ctrl-C or a kill of the whole group is not meant for the watcher
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, nullptr);
    if (fork() != 0) _exit(0);  // init reaps it
    dup2(ends[0], STDIN_FILENO);
    dup2(silence, STDOUT_FILENO);
    dup2(silence, STDERR_FILENO);
    if (chdir("/") != 0) _exit(127);
    execl("/bin/sh", "hermes-watcher", "-c", kScript, "hermes-watcher", nullptr);
    _exit(127);
  }
  close(ends[0]);
  close(silence);
  int status = 0;
  while (waitpid(pid, &status, 0) < 0 && errno == EINTR) {
  }
}

void Watcher::remember_this_process() const {
  std::array<char, 32> line{'+', 'p', ' '};
  char* end = std::to_chars(line.data() + 3, line.data() + line.size() - 1, getpid()).ptr;
  *end++ = '\n';
  // Shorter than PIPE_BUF: atomic. A watcher that is gone cannot be told; then nobody cleans up after a kill, no more.
  [[maybe_unused]] const ssize_t written = write(pipe_, line.data(), static_cast<std::size_t>(end - line.data()));
}

void Watcher::forget_process(pid_t pid) { tell("-p " + std::to_string(pid) + "\n"); }

void Watcher::remove_folder_in_the_end(const std::filesystem::path& folder) { tell("+f " + folder.string() + "\n"); }

void Watcher::tell(const std::string& line) {
  const std::lock_guard lock(mutex_);
  std::string_view rest = line;
  while (!rest.empty()) {
    const ssize_t written = write(pipe_, rest.data(), rest.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) throw error("the watcher is gone");
    rest.remove_prefix(static_cast<std::size_t>(written));
  }
}

}  // namespace hermes::private_servers
