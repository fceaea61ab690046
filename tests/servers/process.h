// A child process: started, signalled, waited for; its output goes to a file. It dies with this process (watcher.h).
//
// Not thread-safe, except kill().
#pragma once

#include <sys/types.h>

#include <chrono>
#include <csignal>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace hermes::private_servers {

using Environment = std::map<std::string, std::string>;

struct UserAndGroup {
  uid_t uid;
  gid_t gid;
};

struct ProcessOptions {
  Environment environment{};             // beside what this process has
  std::filesystem::path folder{};        // working folder; empty: this process's
  std::filesystem::path output{};        // stdout and stderr are appended here; empty: /dev/null
  std::filesystem::path output_alone{};  // stdout only, when it must be apart from stderr
  bool input_by_pipe = false;            // write() feeds its standard input; otherwise that is empty
  std::optional<UserAndGroup> as{};      // needs root
};

class Process {
 public:
  // command[0] is looked up in PATH. A command that cannot be executed ends with exit code 127, as in a shell. Throws
  // std::system_error.
  static Process start(const std::vector<std::string>& command, const ProcessOptions& options = {});

  Process(Process&& other) noexcept;
  Process& operator=(Process&& other) noexcept;
  ~Process();  // SIGKILL if it still runs

  pid_t pid() const { return pid_; }
  bool running();
  void kill(int signal) const;  // nothing happens when it has been reaped

  // The exit code, or 128 + signal; nothing when the limit passes first.
  std::optional<int> wait(std::chrono::milliseconds limit = std::chrono::seconds(60));
  // SIGTERM and wait; SIGKILL past the limit. Returns as wait().
  int stop(std::chrono::milliseconds limit = std::chrono::seconds(30));

  void write(std::string_view text) const;  // Requires: input_by_pipe. Throws std::system_error (EPIPE: it has ended).
  void close_input();

  std::string output() const;  // what it has written so far
  const std::filesystem::path& output_file() const { return output_; }

 private:
  Process() = default;

  pid_t pid_ = -1;
  std::optional<int> exit_code_;
  int input_ = -1;
  std::filesystem::path output_;
};

// Runs a command to its end. Past the limit it is killed (137).
struct Finished {
  int exit_code;
  std::string output;  // stdout
  std::string errors;  // stderr
};
Finished run(const std::vector<std::string>& command, const Environment& environment = {}, std::string_view input = {},
             std::chrono::milliseconds limit = std::chrono::seconds(60));

}  // namespace hermes::private_servers
