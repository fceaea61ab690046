#include "projections/verify/verifier.h"

#include <algorithm>
#include <exception>
#include <mutex>
#include <thread>
#include <utility>

#include "projections/verify/verify_log_whole.h"
#include "projections/verify/verify_tables.h"

namespace hermes::projections {

std::string Check::name() const {
  switch (kind) {
    case Kind::chain: return "chain " + std::to_string(partition);
    case Kind::streams: return "streams " + std::to_string(partition);
    case Kind::log: return "log";
    case Kind::tables: return "tables " + std::string(projection->name());
  }
  return {};
}

std::vector<Check> all_checks(int partition_count) {
  std::vector<Check> checks;
  for (const Projection* projection : all_projections()) checks.push_back({Check::Kind::tables, 0, projection});
  for (const auto kind : {Check::Kind::streams, Check::Kind::chain}) {
    for (int partition = 0; partition < partition_count; ++partition) {
      checks.push_back({kind, static_cast<eventstore::Partition>(partition), nullptr});
    }
  }
  checks.push_back({Check::Kind::log, 0, nullptr});
  return checks;
}

Verifier::Verifier(Connect connect, int partition_count, VerifierSettings settings)
    : connect_(std::move(connect)), partition_count_(partition_count), settings_(std::move(settings)) {}

CheckReport Verifier::run_one(postgres::Connection& connection, const Check& check) {
  CheckReport report{.check = check.name(), .rows = 0, .findings = {}, .findings_total = 0, .notes = {}, .head = std::nullopt};
  const eventstore::OnFinding on_finding = [&](eventstore::Finding finding) {
    if (++report.findings_total <= static_cast<std::int64_t>(eventstore::kFindingsMax)) {
      report.findings.push_back(std::move(finding));
    }
  };
  const eventstore::OnFinding on_note = [&](eventstore::Finding note) {
    if (report.notes.size() < eventstore::kFindingsMax) report.notes.push_back(std::move(note));
  };
  const eventstore::OnRows on_rows = [&](std::int64_t rows) {
    report.rows += rows;
    rows_ += rows;
  };
  if (check.kind == Check::Kind::tables) {
    verify_tables(connection, *check.projection, partition_count_, on_finding, on_note, on_rows);
    return report;
  }
  pqxx::transaction<pqxx::repeatable_read, pqxx::read_only> transaction(connection);
  if (check.kind == Check::Kind::log) {
    verify_log_whole(transaction, on_finding);
  } else if (check.kind == Check::Kind::streams) {
    verify_streams(connection, check.partition, partition_count_, on_finding, on_rows);
  } else {
    const auto anchored = std::ranges::find(settings_.anchor, check.partition, &eventstore::VerifiedHead::partition);
    report.head = verify_chain(connection, check.partition, anchored == settings_.anchor.end() ? nullptr : &*anchored,
                               on_finding, on_rows);
  }
  return report;
}

void Verifier::run(const std::vector<Check>& checks, const OnReport& on_report) {
  std::atomic<std::size_t> next{0};
  std::mutex mutex;  // of on_report and failure
  std::exception_ptr failure;
  const auto work = [&] {
    try {
      const postgres::ConnectionPtr connection = connect_();
      for (std::size_t i = next++; i < checks.size(); i = next++) {
        const CheckReport report = run_one(*connection, checks[i]);
        const std::lock_guard lock(mutex);
        on_report(report);
      }
    } catch (...) {
      next = checks.size();
      const std::lock_guard lock(mutex);
      if (!failure) failure = std::current_exception();
    }
  };
  std::vector<std::jthread> threads;
  const auto jobs =
      std::clamp<std::size_t>(static_cast<std::size_t>(settings_.jobs), 1, std::max<std::size_t>(checks.size(), 1));
  for (std::size_t i = 0; i < jobs; ++i) threads.emplace_back(work);
  threads.clear();
  if (failure) std::rethrow_exception(failure);
}

}  // namespace hermes::projections
