#include "eventstore/commands/command_handler.h"

#include <stdexcept>

#include "eventstore/commands/batch_decisions.h"
#include "eventstore/commands/batch_streams.h"
#include "eventstore/commands/kept_messages.h"
#include "eventstore/commands/snapshots.h"
#include "eventstore/commands/stream_loader.h"
#include "eventstore/log/appender.h"
#include "eventstore/postgres/statements.h"
#include "eventstore/schema/migrations.h"

namespace hermes::eventstore {
namespace {

constexpr std::string_view kStreamVersionConstraint = "event_log_stream_version";

void take_snapshots(AppendTransaction& transaction, std::span<BatchStream> streams) {
  for (BatchStream& stream : streams) {
    const auto* message = std::get_if<domain::Message>(&stream.state.aggregate);
    if (message == nullptr || !stream.unreadable.empty() || !snapshot_due(stream.state.next_version, stream.state.snapshot_at))
      continue;
    transaction.execute(save_snapshot_statement(stream.partition, stream.key, stream.state.next_version, *message));
    stream.state.snapshot_at = stream.state.next_version;
  }
}

}  // namespace

class CommandHandler::Impl {
 public:
  Impl(postgres::Connection& connection, HandlerSettings settings)
      : connection_(&connection),
        partition_count_(read_partition_count(connection)),
        streams_(partition_count_, settings.cache_capacity) {}

  // `retry`: the batch comes from these rows of rejected_events.
  Result<std::vector<Handled>, HandleError> handle(std::span<const Incoming> batch, const Retry* retry = nullptr);
  Result<std::optional<std::vector<Handled>>, HandleError> settle(postgres::Connection& connection);
  Result<std::size_t, HandleError> expire_parked(std::chrono::seconds window, std::size_t at_most);

  void reconnected(postgres::Connection& connection) {
    connection_ = &connection;
    streams_.forget();
  }

  int partition_count() const { return partition_count_; }

 private:
  // The transaction whose outcome is unknown.
  struct Unsettled {
    std::string transaction_id;
    std::optional<Evidence> evidence;
  };

  void handle_once(std::span<const Incoming> batch, const Retry* retry, std::optional<AppendTransaction>& transaction);
  static bool can_be_mended(const std::string& constraint) {
    return constraint == kStreamVersionConstraint || is_number_taken(constraint);
  }
  Result<Done, HandleError> mend(const std::string& constraint, const HandleError& met);
  HandleError failed(const std::optional<AppendTransaction>& transaction);

  postgres::Connection* connection_;
  int partition_count_;
  AppendBuffers buffers_;
  BatchStreams streams_;
  std::vector<Handled> handled_;  // of the last batch
  std::optional<Unsettled> unsettled_;
};

Result<std::vector<Handled>, HandleError> CommandHandler::Impl::handle(std::span<const Incoming> batch, const Retry* retry) {
  if (batch.empty()) return std::vector<Handled>{};
  unsettled_.reset();
  for (bool is_second_try = false;; is_second_try = true) {
    std::optional<AppendTransaction> transaction;
    try {
      handle_once(batch, retry, transaction);
      return std::move(handled_);
    } catch (const postgres::StatementError& error) {
      if (is_second_try || !can_be_mended(error.constraint)) return fail(failed(transaction));
      const HandleError met = failed(transaction);
      transaction.reset();
      if (auto mended = mend(error.constraint, met); !mended) return fail(mended.error());
    } catch (const pqxx::failure&) {
      return fail(failed(transaction));
    } catch (const NotOpen& error) {
      return fail(HandleError{HandleError::Kind::refused, error.what()});
    } catch (const UnreadableStream& error) {
      return fail(HandleError{HandleError::Kind::refused, error.what()});
    }
  }
}

Result<Done, HandleError> CommandHandler::Impl::mend(const std::string& constraint, const HandleError& met) {
  // A message that was assumed to be new was in the log already: the second try trusts only the log.
  if (constraint == kStreamVersionConstraint) streams_.forget();
  if (!is_number_taken(constraint)) return Done{};
  try {
    mend_sequences(*connection_);
    return Done{};
  } catch (const pqxx::failure&) {
    HandleError error = classify(std::current_exception(), false);
    error.detail = met.detail +
                   ". To mend it, as the owner of the tables: SELECT hermes_mend_sequences(); here it failed: " + error.detail;
    return fail(std::move(error));
  }
}

void CommandHandler::Impl::handle_once(std::span<const Incoming> batch, const Retry* retry,
                                       std::optional<AppendTransaction>& transaction) {
  streams_.find(batch);
  transaction.emplace(*connection_, buffers_, streams_.partitions());
  if (retry) lock_open(*transaction, retry->rows);
  streams_.load(*connection_, *transaction);
  BatchDecisions decisions = decide(batch, retry != nullptr, streams_, *transaction);
  handled_ = std::move(decisions.handled);
  if (retry) {
    record_retry(*transaction, *connection_, *retry, handled_);
  } else {
    park(*transaction, *connection_, decisions.to_park);
    postpone(*transaction, *connection_, decisions.to_postpone);
  }
  unpark(*transaction, decisions.unparked);
  keep_rejected(*transaction, *connection_, decisions.rejected);
  take_snapshots(*transaction, streams_.all());
  transaction->commit();
  streams_.remember(*transaction);
}

// Judges the exception in flight. A server that is shut down during a commit reports an error, and the outcome is then as
// unknown as after a broken connection.
HandleError CommandHandler::Impl::failed(const std::optional<AppendTransaction>& transaction) {
  HandleError error = classify(std::current_exception(), transaction && transaction->commit_sent());
  if (error.kind == HandleError::Kind::outcome_unknown) {
    unsettled_ = Unsettled{transaction->transaction_id(), transaction->evidence()};
  }
  return error;
}

Result<std::optional<std::vector<Handled>>, HandleError> CommandHandler::Impl::settle(postgres::Connection& connection) {
  reconnected(connection);
  if (!unsettled_) throw std::logic_error("settle() without an unknown outcome");
  try {
    const bool committed = was_committed(connection, unsettled_->transaction_id, unsettled_->evidence);
    unsettled_.reset();
    if (!committed) return std::optional<std::vector<Handled>>();
    return std::optional(std::move(handled_));
  } catch (const std::exception& error) {
    // Whatever went wrong here, the outcome is still unknown.
    return fail(HandleError{HandleError::Kind::outcome_unknown, error.what()});
  }
}

Result<std::size_t, HandleError> CommandHandler::Impl::expire_parked(std::chrono::seconds window, std::size_t at_most) {
  try {
    return eventstore::expire_parked(*connection_, buffers_, window, at_most);
  } catch (const pqxx::failure&) {
    HandleError error = classify(std::current_exception(), false);  // moved or not: the next call finds the rest
    return fail(std::move(error));
  }
}

CommandHandler::CommandHandler(postgres::Connection& connection, HandlerSettings settings)
    : impl_(std::make_unique<Impl>(connection, settings)) {}
CommandHandler::~CommandHandler() = default;

Result<std::vector<Handled>, HandleError> CommandHandler::handle(std::span<const Incoming> batch) {
  return impl_->handle(batch);
}
Result<std::optional<std::vector<Handled>>, HandleError> CommandHandler::settle(postgres::Connection& connection) {
  return impl_->settle(connection);
}
Result<std::vector<Handled>, HandleError> CommandHandler::retry(std::span<const Incoming> batch,
                                                                std::span<const std::int64_t> rows, std::string_view who) {
  const Retry retry{.rows = rows, .who = who};
  return impl_->handle(batch, &retry);
}
void CommandHandler::reconnected(postgres::Connection& connection) { impl_->reconnected(connection); }
Result<std::size_t, HandleError> CommandHandler::expire_parked(std::chrono::seconds window, std::size_t at_most) {
  return impl_->expire_parked(window, at_most);
}
int CommandHandler::partition_count() const { return impl_->partition_count(); }

}  // namespace hermes::eventstore
