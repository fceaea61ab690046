#include "tests/servers/process.h"

#include <fcntl.h>
#include <grp.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <fstream>
#include <sstream>
#include <system_error>
#include <thread>
#include <utility>

#include "tests/servers/temporary_folder.h"
#include "tests/servers/watcher.h"

extern char** environ;

namespace hermes::private_servers {
namespace {

constexpr std::chrono::milliseconds kPoll{5};

std::system_error error(const std::string& what) { return {errno, std::generic_category(), what}; }

std::string read_file(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

std::vector<std::string> merged_environment(const Environment& extra) {
  std::vector<std::string> result;
  for (char** entry = environ; *entry != nullptr; ++entry) {
    const std::string_view text = *entry;
    if (!extra.contains(std::string(text.substr(0, text.find('='))))) result.emplace_back(text);
  }
  for (const auto& [name, value] : extra) result.push_back(name + "=" + value);
  return result;
}

std::vector<char*> pointers(std::vector<std::string>& texts) {
  std::vector<char*> result;
  for (std::string& text : texts) result.push_back(text.data());
  result.push_back(nullptr);
  return result;
}

int open_output(const std::filesystem::path& path) {
  const std::filesystem::path& target = path.empty() ? "/dev/null" : path;
  const int file = open(target.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
  if (file < 0) throw error("cannot write " + target.string());
  return file;
}

struct Descriptors {
  int input = -1;
  int output = -1;
  int errors = -1;
};

// Between fork and exec, where only async-signal-safe calls are allowed.
[[noreturn]] void become(char* const* arguments, char* const* environment, const ProcessOptions& options,
                         const Descriptors& descriptors, const Watcher& watcher) {
  watcher.remember_this_process();
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, nullptr);
  signal(SIGPIPE, SIG_DFL);
  if (dup2(descriptors.input, STDIN_FILENO) < 0 || dup2(descriptors.output, STDOUT_FILENO) < 0 ||
      dup2(descriptors.errors, STDERR_FILENO) < 0) {
    _exit(127);
  }
  if (!options.folder.empty() && chdir(options.folder.c_str()) != 0) _exit(127);
  if (options.as && (setgroups(0, nullptr) != 0 || setgid(options.as->gid) != 0 || setuid(options.as->uid) != 0)) _exit(127);
  execvpe(arguments[0], arguments, environment);
  _exit(127);
}

}  // namespace

Process Process::start(const std::vector<std::string>& command, const ProcessOptions& options) {
  Watcher& watcher = Watcher::of_this_process();
  std::vector<std::string> words = command;
  std::vector<std::string> variables = merged_environment(options.environment);
  const std::vector<char*> arguments = pointers(words);
  const std::vector<char*> environment = pointers(variables);

  Process process;
  process.output_ = options.output_alone.empty() ? options.output : options.output_alone;
  Descriptors descriptors;
  int pipe_ends[2] = {-1, -1};
  if (options.input_by_pipe) {
    if (pipe2(pipe_ends, O_CLOEXEC) != 0) throw error("cannot make a pipe");
    descriptors.input = pipe_ends[0];
    process.input_ = pipe_ends[1];
  } else {
    descriptors.input = open("/dev/null", O_RDONLY | O_CLOEXEC);
  }
  descriptors.output = open_output(process.output_);
  descriptors.errors = options.output_alone.empty() ? dup(descriptors.output) : open_output(options.output);

  process.pid_ = fork();
  if (process.pid_ == 0) become(arguments.data(), environment.data(), options, descriptors, watcher);
  const int fork_error = errno;
  close(descriptors.input);
  close(descriptors.output);
  close(descriptors.errors);
  errno = fork_error;
  if (process.pid_ < 0) throw error("cannot start " + command.front());
  return process;
}

Process::Process(Process&& other) noexcept
    : pid_(std::exchange(other.pid_, -1)),
      exit_code_(std::exchange(other.exit_code_, std::nullopt)),
      input_(std::exchange(other.input_, -1)),
      output_(std::move(other.output_)) {}

Process& Process::operator=(Process&& other) noexcept {
  std::swap(pid_, other.pid_);
  std::swap(exit_code_, other.exit_code_);
  std::swap(input_, other.input_);
  std::swap(output_, other.output_);
  return *this;
}

Process::~Process() {
  close_input();
  if (!running()) return;
  kill(SIGCONT);
  kill(SIGKILL);
  wait();
}

bool Process::running() { return pid_ > 0 && !wait(std::chrono::milliseconds(0)).has_value(); }

void Process::kill(int signal) const {
  if (pid_ > 0 && !exit_code_) ::kill(pid_, signal);
}

std::optional<int> Process::wait(std::chrono::milliseconds limit) {
  const auto deadline = std::chrono::steady_clock::now() + limit;
  while (pid_ > 0 && !exit_code_) {
    int status = 0;
    const pid_t reaped = waitpid(pid_, &status, WNOHANG);
    if (reaped == pid_) {
      exit_code_ = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
      Watcher::of_this_process().forget_process(pid_);
    } else if (reaped < 0 && errno != EINTR) {
      exit_code_ = 127;  // somebody else has reaped it
    } else if (std::chrono::steady_clock::now() >= deadline) {
      return std::nullopt;
    } else {
      std::this_thread::sleep_for(kPoll);
    }
  }
  return exit_code_;
}

int Process::stop(std::chrono::milliseconds limit) {
  kill(SIGTERM);
  if (const std::optional<int> code = wait(limit)) return *code;
  kill(SIGKILL);
  return wait().value_or(128 + SIGKILL);
}

void Process::write(std::string_view text) const {
  while (!text.empty()) {
    const ssize_t written = ::write(input_, text.data(), text.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) throw error("cannot write to process " + std::to_string(pid_));
    text.remove_prefix(static_cast<std::size_t>(written));
  }
}

void Process::close_input() {
  if (input_ >= 0) close(std::exchange(input_, -1));
}

std::string Process::output() const { return read_file(output_); }

Finished run(const std::vector<std::string>& command, const Environment& environment, std::string_view input,
             std::chrono::milliseconds limit) {
  const TemporaryFolder folder("hermes-run");
  ProcessOptions options{.environment = environment,
                         .output = folder / "errors",
                         .output_alone = folder / "output",
                         .input_by_pipe = !input.empty()};
  Process process = Process::start(command, options);
  try {
    process.write(input);
  } catch (const std::system_error& ended) {
    if (ended.code() != std::errc::broken_pipe) throw;  // a command need not read all of its input
  }
  process.close_input();
  std::optional<int> code = process.wait(limit);
  if (!code) {
    process.kill(SIGKILL);
    code = process.wait();
  }
  return {.exit_code = *code, .output = process.output(), .errors = read_file(options.output)};
}

}  // namespace hermes::private_servers
