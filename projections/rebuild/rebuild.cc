#include "projections/rebuild/rebuild.h"

#include <algorithm>
#include <utility>

#include "eventstore/log/event_reader.h"
#include "projections/rebuild/dependents.h"
#include "projections/rebuild/rebuild_steps.h"
#include "projections/rebuild/swap.h"

namespace hermes::projections {
namespace {

using eventstore::Offset;
using eventstore::PartitionRange;
using Clock = std::chrono::steady_clock;

// So little is folded in a moment: the swap takes it along while the projectors wait.
constexpr std::uint64_t kLittleLeft = 2'000;
// Each round of catching up is as long as what came during the one before; under a load that is faster than the fold it never
// ends.
constexpr int kCatchUpRounds = 12;
constexpr int kSwapAttempts = 30;

RebuildError busy(std::string_view what, const std::string& holder) {
  return {RebuildError::Kind::busy, "a rebuild of " + std::string(what) + " is running already" + holder};
}

std::vector<PartitionRange> between(const std::vector<Offset>& from, const std::vector<Offset>& to) {
  std::vector<PartitionRange> ranges;
  for (std::size_t i = 0; i < to.size(); ++i) {
    if (to[i] > from[i]) ranges.push_back({static_cast<eventstore::Partition>(i), from[i], to[i]});
  }
  return ranges;
}

std::vector<Offset> heads(postgres::Connection& connection) {
  pqxx::nontransaction query(connection);
  return eventstore::read_heads(connection);
}

std::string list(const std::vector<std::string>& names) {
  std::string text;
  for (const std::string& name : names) text += (text.empty() ? "" : ", ") + name;
  return text;
}

// One rebuild, with what its steps share.
class Rebuild {
 public:
  Rebuild(const Projection& projection, const RebuildSettings& settings, const OnProgress& on_progress)
      : projection_(projection),
        settings_(settings),
        on_progress_(of_projection(on_progress, projection)),
        schema_(kBuildSchemas + std::string(projection.name())),
        old_schema_(kReplacedSchemas + std::string(projection.name())) {}

  Result<RebuildReport, RebuildError> run() {
    const auto start = Clock::now();
    const BuildLock lock(settings_.postgres, std::string(projection_.name()));
    if (!lock.held()) return fail(busy(projection_.name(), lock.holder()));
    on_progress_(progress_of(Phase::prepare));
    if (auto prepared = prepare(); !prepared) return fail(prepared.error());

    const std::vector<PartitionRange> first = between(std::vector<Offset>(folded_.size(), 0), folded_);
    report_.events = event_count(first);
    Built built = build_tables(projection_, schema_, first, settings_, on_progress_);
    report_.load = built.load;
    report_.index = built.index;
    skips_ = std::move(built.skips);

    if (auto swapped = catch_up_and_swap(built.live); !swapped) return fail(swapped.error());
    on_progress_(progress_of(Phase::clean_up));
    clean_up(built.live);
    report_.total = since(start);
    return report_;
  }

 private:
  Result<Done, RebuildError> prepare() {
    connection_ = connect_builder(settings_.postgres, schema_);
    make_schema(*connection_, schema_);
    make_schema(*connection_, old_schema_);
    folded_ = heads(*connection_);
    pqxx::work transaction(*connection_);
    const Dependents dependents = find_dependents(transaction, find_tables(transaction, projection_.tables()));
    report_.publications = dependents.publications;
    if (dependents.in_the_way.empty()) return Done{};
    return fail(RebuildError{RebuildError::Kind::in_the_way,
                             "cannot exchange the tables of " + std::string(projection_.name()) + ": " +
                                 list(dependents.in_the_way) + " can't be carried over. Drop it, rebuild, and make it again"});
  }

  Result<Done, RebuildError> catch_up_and_swap(const std::vector<LiveTable>& live) {
    const auto start = Clock::now();
    for (report_.swap_attempts = 1; report_.swap_attempts <= kSwapAttempts; ++report_.swap_attempts) {
      catch_up();
      on_progress_(progress_of(Phase::swap));
      const Swapped swapped = swap_tables(
          {projection_, live, schema_, old_schema_, folded_, static_cast<int>(folded_.size()), skips_}, *connection_);
      report_.events += swapped.events;
      report_.readers_blocked = swapped.readers_blocked;
      if (swapped.done) {
        report_.catch_up = since(start);
        return Done{};
      }
    }
    return fail(RebuildError{
        RebuildError::Kind::readers,
        "the tables of " + std::string(projection_.name()) +
            " were in use without a pause, by one long transaction or a VACUUM perhaps (pg_stat_activity), so they could "
            "not be exchanged; the old ones stay. Run it again later"});
  }

  void catch_up() {
    auto connections = connect_builders(settings_.postgres, schema_, settings_.load_connections);
    for (int round = 0; round < kCatchUpRounds; ++round) {
      std::vector<Offset> now = heads(*connection_);
      const std::vector<PartitionRange> ranges = between(folded_, now);
      const std::uint64_t events = event_count(ranges);
      if (events < kLittleLeft && round > 0) return;
      ProgressTicker ticker(on_progress_, Phase::catch_up, events);
      fold_in_parallel({projection_, ranges, skips_, static_cast<int>(folded_.size())}, connections, ticker.done());
      report_.events += events;
      folded_ = std::move(now);
    }
  }

  // Nobody uses the old tables any more but those who queued for them before the swap.
  void clean_up(const std::vector<LiveTable>& tables) {
    std::string names;
    for (auto table = tables.rbegin(); table != tables.rend(); ++table) {
      names += (names.empty() ? "" : ", ") + connection_->quote_name(old_schema_) + "." + connection_->quote_name(table->name);
    }
    pqxx::work transaction(*connection_);
    transaction.exec("SET LOCAL synchronous_commit = on");  // with it the swap is on disk
    transaction.exec("DROP TABLE " + names);
    transaction.exec("DROP SCHEMA " + connection_->quote_name(old_schema_));
    transaction.exec("DROP SCHEMA " + connection_->quote_name(schema_));
    transaction.commit();
  }

  const Projection& projection_;
  const RebuildSettings& settings_;
  const OnProgress on_progress_;
  const std::string schema_;
  const std::string old_schema_;
  postgres::ConnectionPtr connection_;
  std::vector<Offset> folded_;
  Skips skips_;
  RebuildReport report_;
};

}  // namespace

std::string_view to_string(Phase phase) {
  switch (phase) {
    case Phase::prepare: return "prepare";
    case Phase::load: return "load";
    case Phase::index: return "index";
    case Phase::catch_up: return "catch up";
    case Phase::swap: return "swap";
    case Phase::clean_up: return "clean up";
  }
  return "unknown";
}

Progress progress_of(Phase phase, std::uint64_t done, std::uint64_t total) {
  const bool of_events = phase == Phase::load || phase == Phase::catch_up;
  return {.step = to_string(phase), .done = done, .total = total, .unit = of_events ? "events" : "steps"};
}

Result<RebuildReport, RebuildError> rebuild(const Projection& projection, const RebuildSettings& settings,
                                            const OnProgress& on_progress) {
  try {
    return Rebuild(projection, settings, on_progress).run();
  } catch (const FoldStopped& stopped) {
    return fail(RebuildError{RebuildError::Kind::stopped, stopped.what()});
  }
}

}  // namespace hermes::projections
