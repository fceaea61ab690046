// The steps that rebuild() and fold_into() share (rebuild.h).
#pragma once

#include <atomic>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "eventstore/log/range_reader.h"
#include "projections/projector/skips.h"
#include "projections/rebuild/builder_connections.h"
#include "projections/rebuild/rebuild.h"
#include "projections/rebuild/table_copy.h"

namespace hermes::projections {

// Held as long as this lives: one rebuild of a thing at a time. The lock belongs to a session of its own that does nothing
// else, so that it is free as soon as the process is gone.
class BuildLock {
 public:
  BuildLock(const postgres::Settings& settings, const std::string& name);
  bool held() const { return held_; }
  // Who has it instead, to end a sentence with: ", since 2026-01-31T12:00:00Z (session 123 of the database)"; empty if it
  // ended.
  const std::string& holder() const { return holder_; }

 private:
  postgres::ConnectionPtr connection_;
  bool held_;
  std::string holder_;
};

// The comment on a schema that is not complete: whoever finds one may drop it.
inline constexpr std::string_view kUnfinished = "hermes: being built";

// Makes the schema anew, with that comment. What an interrupted build left in it is dropped; its sessions, which may be in a
// long statement still, are ended first.
void make_schema(postgres::Connection& connection, const std::string& schema);
void drop_schema(postgres::Connection& connection, const std::string& schema);
bool schema_exists(postgres::Connection& connection, const std::string& schema);

// `on_progress` with the projection named in what it is told. Both must outlive it.
OnProgress of_projection(const OnProgress& on_progress, const Projection& projection);

// Calls on_progress ten times a second while it lives.
class ProgressTicker {
 public:
  ProgressTicker(const OnProgress& on_progress, Phase phase, std::uint64_t total);
  ~ProgressTicker();
  std::atomic<std::uint64_t>& done() { return done_; }

 private:
  const OnProgress& on_progress_;
  const Phase phase_;
  const std::uint64_t total_;
  std::atomic<std::uint64_t> done_{0};
  std::mutex mutex_;
  std::condition_variable changed_;
  bool over_ = false;
  std::thread thread_;  // last: it uses the others
};

std::uint64_t event_count(const std::vector<eventstore::PartitionRange>& ranges);

// Loads [0, ends) into `schema` and makes the tables complete. Requires: the schema is empty.
struct Built {
  std::vector<LiveTable> live;
  std::chrono::milliseconds load, index;
  Skips skips{};  // what was left out: whatever is folded into these tables later must leave out the same
};
Built build_tables(const Projection& projection, const std::string& schema,
                   const std::vector<eventstore::PartitionRange>& ranges, const RebuildSettings& settings,
                   const OnProgress& on_progress);

std::chrono::milliseconds since(std::chrono::steady_clock::time_point start);

}  // namespace hermes::projections
