#include "projections/rebuild/parallel_fold.h"

#include <algorithm>
#include <condition_variable>
#include <exception>
#include <mutex>
#include <thread>

namespace hermes::projections {
namespace {

using eventstore::Offset;
using eventstore::PartitionRange;

// A transaction of the bulk load: large enough that its own cost vanishes, small enough to be a modest piece of memory.
constexpr Offset kChunkEvents = 20'000;
constexpr std::size_t kChunkPayloadBytes = std::size_t{16} << 20;

// Runs work(connection) on one thread a connection and rethrows the first failure.
template <class Work>
void on_each(std::vector<postgres::ConnectionPtr>& connections, const Work& work) {
  std::mutex mutex;
  std::exception_ptr first;
  std::vector<std::thread> threads;
  for (postgres::ConnectionPtr& connection : connections) {
    threads.emplace_back([&, raw = connection.get()] {
      try {
        work(*raw);
      } catch (...) {
        const std::lock_guard lock(mutex);
        if (!first) first = std::current_exception();
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  if (first) std::rethrow_exception(first);
}

// Folds one range in order; returns where it ended, for a chunk of large payloads ends early.
Offset fold_chunk(const FoldRequest& request, PartitionRange range, postgres::Connection& connection,
                  pqxx::transaction_base& transaction) {
  eventstore::RangesRead read =
      eventstore::read_ranges(connection, {{range}, unwanted_types(request.projection), kChunkPayloadBytes});
  Offset end = read.read.front().to;
  if (!read.unreadable.empty()) {
    const eventstore::UnreadableEvent& event = read.unreadable.front();
    if (!request.skips.contains(event.position)) throw FoldStopped(request.projection, event.position, event.error.detail);
    end = event.position.offset + 1;
  }
  if (!request.skips.empty()) {
    std::erase_if(read.events, [&](const eventstore::RecordedEvent& event) { return request.skips.contains(event.position); });
  }
  try {
    if (!read.events.empty()) {
      request.projection.apply(read.events, {connection, transaction, request.partition_count, request.bare});
    }
  } catch (const CannotApply& problem) {
    throw FoldStopped(request.projection, problem.position, problem.reason);
  }
  return end;
}

// What one connection takes at a time. Rows that are only inserted can be folded in any order; others in the order of their
// partition, by one connection.
std::vector<PartitionRange> tasks(const FoldRequest& request) {
  std::vector<PartitionRange> tasks;
  for (const PartitionRange& range : request.ranges) {
    if (range.from >= range.to) continue;
    if (!request.bare) {
      tasks.push_back(range);
      continue;
    }
    for (Offset from = range.from; from < range.to; from += kChunkEvents) {
      tasks.push_back({range.partition, from, std::min(range.to, from + kChunkEvents)});
    }
  }
  // About in the order of the log's time: what belongs together lies together in the table, and its indexes are sorted sooner.
  std::ranges::stable_sort(tasks, {}, &PartitionRange::from);
  return tasks;
}

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

FoldStopped::FoldStopped(const Projection& projection, eventstore::Position position, const std::string& reason)
    : std::runtime_error(std::string(projection.name()) + " cannot take the event at " + eventstore::to_string(position) +
                         ": " + reason + ". See: hermes status") {}

postgres::ConnectionPtr connect_builder(const postgres::Settings& settings, const std::string& schema) {
  postgres::Settings builder = settings;
  builder.role.clear();
  builder.application_name = "hermes rebuild";
  auto connection = postgres::connect(builder);
  if (!connection) throw pqxx::broken_connection(connection.error().message);
  pqxx::work transaction(**connection);
  // A build can be made again: no waiting for the disk.
  transaction.exec("SET synchronous_commit = off");
  // When this process is killed, a long statement of its session ends too (PostgreSQL 14 and later).
  if ((*connection)->server_version() >= 140000) transaction.exec("SET client_connection_check_interval = '1s'");
  transaction.exec("SET maintenance_work_mem = '256MB'");
  transaction.exec("SET max_parallel_maintenance_workers = 0");  // the connections are what is parallel
  transaction.exec("SET jit = off");  // compiling the check of a foreign key takes longer than the check
  if (!schema.empty()) {
    transaction.exec("SELECT set_config('search_path', " + transaction.quote((*connection)->quote_name(schema)) +
                     " || ', ' || current_setting('search_path'), false)");
  }
  transaction.commit();
  return std::move(*connection);
}

void fold_here(const FoldRequest& request, postgres::Connection& connection, pqxx::transaction_base& transaction,
               std::atomic<std::uint64_t>& done) {
  for (const PartitionRange& range : request.ranges) {
    for (Offset from = range.from; from < range.to;) {
      const Offset to = std::min(range.to, from + kChunkEvents);
      const Offset end = fold_chunk(request, {range.partition, from, to}, connection, transaction);
      done += static_cast<std::uint64_t>(end - from);
      from = end;
    }
  }
}

void fold_in_parallel(const FoldRequest& request, std::vector<postgres::ConnectionPtr>& connections,
                      std::atomic<std::uint64_t>& done) {
  const std::vector<PartitionRange> all = tasks(request);
  std::atomic<std::size_t> next{0};
  std::atomic<bool> failed{false};
  on_each(connections, [&](postgres::Connection& connection) {
    try {
      {
        // Statements are planned while the tables are empty: no plan that reads all of a table.
        pqxx::nontransaction setup(connection);
        setup.exec("SET enable_seqscan = off; SET enable_bitmapscan = off");
      }
      for (std::size_t i = next++; i < all.size() && !failed; i = next++) {
        for (Offset from = all[i].from; from < all[i].to && !failed;) {
          const Offset to = std::min(all[i].to, from + kChunkEvents);
          pqxx::work transaction(connection);
          const Offset end = fold_chunk(request, {all[i].partition, from, to}, connection, transaction);
          transaction.commit();
          done += static_cast<std::uint64_t>(end - from);
          from = end;
        }
      }
      pqxx::nontransaction setup(connection);
      setup.exec("RESET enable_seqscan; RESET enable_bitmapscan");
    } catch (...) {
      failed = true;
      throw;
    }
  });
}

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

Skips read_skips(pqxx::transaction_base& transaction, const Projection& projection) {
  Skips skips;
  for (const auto& row : transaction.exec_params("SELECT partition, \"offset\" FROM projection_skips WHERE projection = $1",
                                                 std::string(projection.name()))) {
    skips.insert({row[0].as<eventstore::Partition>(), row[1].as<Offset>()});
  }
  return skips;
}

}  // namespace hermes::projections
