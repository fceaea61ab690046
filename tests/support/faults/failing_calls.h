// Lets a test go through every system call by which a piece of code changes files, and say what becomes of each. A program that
// links this has open, pwrite, ftruncate (and their variants for large files), fdatasync, fsync and remove of its own; outside
// a FailingCalls they do what they always do.
#pragma once

#include <functional>
#include <string>

namespace hermes::test_support {

enum class Fate {
  succeeds,
  fails,  // as on a broken disk: EIO. A write leaves the part of its bytes that the plan says
  lies    // says that it succeeded and does nothing, as a truncation that a power loss takes back
};

// While it lives, the calls of this thread are numbered 0, 1, 2, ... and the plan decides. What should reach the disk does not:
// it is not the power that fails here. One at a time for each thread.
class FailingCalls {
 public:
  struct Call {
    unsigned number = 0;
    const char* name = "";
    std::string file{};  // the last part of its path
  };
  struct Plan {
    std::function<Fate(const Call&)> fate;
    double written_of_failed = 0;  // 0 to 1: the part of a write that fails
    bool wants_files = false;      // Call::file is filled in
  };
  explicit FailingCalls(Plan plan);
  ~FailingCalls();
  FailingCalls(const FailingCalls&) = delete;

  unsigned calls() const;  // so far

  struct State;

 private:
  State* state_;
};

}  // namespace hermes::test_support
