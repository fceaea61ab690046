#include "tools/commands/rejected_retry.h"

#include <iostream>
#include <utility>

#include "adapters/ingest/retry_rejected.h"
#include "eventstore/commands/rejected_messages.h"
#include "tools/cli/connect.h"
#include "tools/cli/output.h"
#include "tools/commands/rejected_output.h"

namespace hermes::tools {
namespace {

using eventstore::RejectedMessage;
using ingest::Retried;

// Messages retried in one transaction. It holds the heads of their partitions: ingesters wait meanwhile.
constexpr std::size_t kRetryAtOnce = 200;

// Tells of each retried message as it is done, and counts.
class RetryReport {
 public:
  explicit RetryReport(bool json) : json_(json) {}

  void tell(std::int64_t id, std::string_view outcome, const std::string& detail, bool resolved) {
    ++(resolved ? resolved_ : left_);
    if (json_) {
      print_json(boost::json::object{{"id", id}, {"outcome", outcome}, {"resolved", resolved}, {"detail", detail}});
      return;
    }
    std::cout << id << "  " << styled(outcome, resolved ? Style::good : Style::warning)
              << (detail.empty() ? "" : ": " + escape_for_terminal(detail)) << "\n";
  }

  void tell(const Retried& retried) {
    switch (retried.outcome) {
      case Retried::Outcome::appended: return tell(retried.id, "appended", retried.detail, true);
      case Retried::Outcome::duplicate: return tell(retried.id, "duplicate", retried.detail, true);
      case Retried::Outcome::waits: return tell(retried.id, "waits", retried.detail + "; it stays open", false);
      case Retried::Outcome::refused: return tell(retried.id, "refused", retried.detail + "; it stays open", false);
      case Retried::Outcome::not_open: return tell(retried.id, "not open", retried.detail, false);
    }
  }

  ExitCode end() const {
    if (!json_) {
      std::cout << (resolved_ + left_ == 0 ? "Nothing to retry.\n"
                                           : std::to_string(resolved_) + " resolved, " + std::to_string(left_) + " not\n");
    }
    return left_ == 0 ? kDone : kFoundProblem;
  }

 private:
  const bool json_;
  std::size_t resolved_ = 0;
  std::size_t left_ = 0;
};

class RetryRun {
 public:
  RetryRun(postgres::Connection& connection, const Settings& settings, const RetryRequest& request)
      : connection_(connection), settings_(settings), request_(request), handler_(connection, {}), report_(settings.json) {}

  ExitCode run() {
    if (request_.ids.empty()) {
      retry_by_filter();
    } else {
      retry_ids();
    }
    return report_.end();
  }

 private:
  void retry_by_filter() {
    std::int64_t after = 0;
    while (true) {
      const auto page = eventstore::open_rejected(connection_, request_.reason_code, after, kRetryAtOnce);
      if (page.empty()) return;
      retry(page);
      after = page.back().id;
    }
  }

  void retry_ids() {
    std::vector<RejectedMessage> page;
    for (const std::int64_t id : request_.ids) {
      auto message = eventstore::find_rejected(connection_, id);
      if (!message) {
        report_.tell(id, "unknown", "there is no such rejected message", false);
      } else if (message->resolution) {
        report_.tell(id, "not open", state_of(*message) + ": " + message->note, false);
      } else {
        page.push_back(std::move(*message));
      }
      if (page.size() == kRetryAtOnce) retry(std::exchange(page, {}));
    }
    retry(page);
  }

  void retry(const std::vector<RejectedMessage>& page) {
    auto done =
        ingest::retry_rejected(connection_, handler_, page, request_.who, [this](const Retried& one) { report_.tell(one); });
    if (done) return;
    using Kind = eventstore::HandleError::Kind;
    const std::string words = escape_for_terminal(done.error().detail);
    if (done.error().sqlstate == eventstore::kTakesNoWrites) throw takes_no_writes(settings_, words);
    const bool gone = done.error().kind == Kind::unavailable || done.error().kind == Kind::outcome_unknown;
    throw CommandError(gone ? kUnreachable : kFoundProblem,
                       "the database does not take the retry: " + words +
                           ". What is listed is done; run the same again for the rest, nothing is doubled");
  }

  postgres::Connection& connection_;
  const Settings& settings_;
  const RetryRequest& request_;
  eventstore::CommandHandler handler_;
  RetryReport report_;
};

}  // namespace

ExitCode retry_rejected_messages(const Settings& settings, const RetryRequest& request) {
  const auto connection = connect(settings, "hermes_ingester");
  return RetryRun(*connection, settings, request).run();
}

}  // namespace hermes::tools
