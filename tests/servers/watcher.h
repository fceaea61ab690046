// Cleans up after this process even when it is killed: a small shell in a session of its own, which learns over a pipe what was
// started and made, and acts when the pipe closes. PR_SET_PDEATHSIG is no help here: it fires when the thread that forked ends.
//
// Thread-safe.
#pragma once

#include <sys/types.h>

#include <filesystem>
#include <mutex>
#include <string>

namespace hermes::private_servers {

class Watcher {
 public:
  static Watcher& of_this_process();  // started at the first call; throws std::system_error

  // A child says its own number between fork and exec, so that no moment is left in which it could be orphaned.
  // Async-signal-safe.
  void remember_this_process() const;
  void forget_process(pid_t pid);
  // What is mounted below it is unmounted first.
  void remove_folder_in_the_end(const std::filesystem::path& folder);

 private:
  Watcher();
  void tell(const std::string& line);

  int pipe_;  // never closed: the end of this process closes it
  std::mutex mutex_;
};

}  // namespace hermes::private_servers
