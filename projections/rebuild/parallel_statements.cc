#include "projections/rebuild/parallel_statements.h"

#include <condition_variable>
#include <mutex>

#include "projections/rebuild/builder_connections.h"

namespace hermes::projections {
namespace {

// Who is next. Thread-safe.
class Turns {
 public:
  explicit Turns(const ParallelStatements& statements) : statements_(statements) {}

  // Waits where only `after_first` is left and `first` has not ended. Nothing: there is no more.
  const std::string* next() {
    std::unique_lock lock(mutex_);
    for (;;) {
      if (given_up_) return nullptr;
      if (first_ < statements_.first.size()) return &statements_.first[first_++];
      const bool after_left = after_first_ < statements_.after_first.size();
      if (after_left && first_ended_ == first_) return &statements_.after_first[after_first_++];
      if (any_time_ < statements_.any_time.size()) return &statements_.any_time[any_time_++];
      if (!after_left) return nullptr;
      changed_.wait(lock);
    }
  }

  void ended(const std::string& statement) {
    const std::lock_guard lock(mutex_);
    const std::vector<std::string>& first = statements_.first;
    if (&statement >= first.data() && &statement < first.data() + first.size()) ++first_ended_;
    changed_.notify_all();
  }

  void give_up() {
    const std::lock_guard lock(mutex_);
    given_up_ = true;
    changed_.notify_all();
  }

 private:
  const ParallelStatements& statements_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::size_t first_ = 0, after_first_ = 0, any_time_ = 0;  // handed out so far
  std::size_t first_ended_ = 0;
  bool given_up_ = false;
};

}  // namespace

void run_in_parallel(const ParallelStatements& statements, std::vector<postgres::ConnectionPtr>& connections,
                     std::atomic<std::uint64_t>& done) {
  Turns turns(statements);
  on_each(connections, [&](postgres::Connection& connection) {
    try {
      while (const std::string* statement = turns.next()) {
        pqxx::work transaction(connection);
        transaction.exec(*statement);
        transaction.commit();
        turns.ended(*statement);
        ++done;
      }
    } catch (...) {
      turns.give_up();
      throw;
    }
  });
}

}  // namespace hermes::projections
