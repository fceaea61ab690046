#include "eventstore/command_handler.h"

#include <algorithm>
#include <stdexcept>
#include <unordered_map>

#include "domain/stream_id.h"
#include "eventstore/aggregate_cache.h"
#include "eventstore/appender.h"
#include "eventstore/kept_messages.h"
#include "eventstore/migrations.h"
#include "eventstore/payload.h"
#include "eventstore/postgres/statements.h"
#include "eventstore/snapshots.h"
#include "eventstore/stream_loader.h"

namespace hermes::eventstore {
namespace {

using domain::RecordReceipt;
using domain::Rejection;
using domain::RejectionReason;
using domain::SendMessage;
using domain::SetTyping;
using Outcome = Handled::Outcome;

// After a message that was taken to be new turned out to be none, and after a start, more such messages are likely (a spool is
// read again, a client repeats itself): for this many batches what the cache lacks is loaded first.
constexpr int kBatchesToLoadFirst = 64;

// Expired receipts that are moved in one transaction.
constexpr int kExpireAtOnce = 1'000;

constexpr std::string_view kStreamVersionConstraint = "event_log_stream_version";
constexpr std::string_view kServer = "server";

std::string_view actor_of(const domain::Event& event) {
  struct {
    std::string_view operator()(const domain::MessageSent& sent) const { return sent.sender.str(); }
    std::string_view operator()(const domain::MessageReceived&) const { return kServer; }
    std::string_view operator()(const domain::MessageDelivered& delivered) const { return delivered.recipient.str(); }
    std::string_view operator()(const domain::MessageRead& read) const { return read.recipient.str(); }
    std::string_view operator()(const domain::TypingStarted& started) const { return started.sender.str(); }
    std::string_view operator()(const domain::TypingStopped& stopped) const { return stopped.sender.str(); }
  } visitor;
  return std::visit(visitor, event);
}

// A stream that the batch touches.
struct Stream {
  std::string id;
  StreamKey key;
  Partition partition;
  bool starts_with_message;  // its first command here is a SendMessage
  bool has_message = false;  // one of its commands is
  CachedAggregate state;
  std::vector<ParkedReceipt> parked;     // in the database
  std::vector<std::size_t> waiting{};    // receipts of this batch that came before their message: indexes into the batch
};

}  // namespace

class CommandHandler::Impl {
 public:
  Impl(postgres::Connection& connection, HandlerSettings settings)
      : connection_(&connection),
        partition_count_(read_partition_count(connection)),
        cache_(settings.cache_capacity),
        seen_(static_cast<std::size_t>(partition_count_)) {}

  Result<std::vector<Handled>, HandleError> handle(std::span<const Incoming> batch);
  Result<std::vector<Handled>, HandleError> retry(std::span<const Incoming> batch, const Retry& retry);
  Result<std::optional<std::vector<Handled>>, HandleError> settle(postgres::Connection& connection);
  Result<std::size_t, HandleError> expire_parked(std::chrono::seconds window);

  void reconnected(postgres::Connection& connection) {
    connection_ = &connection;
    cache_.clear();
    load_first_for_ = kBatchesToLoadFirst;
  }

  int partition_count() const { return partition_count_; }

 private:
  // What this handler knows of a partition's end.
  struct Seen {
    Offset next_offset = -1;
    Hash last_hash{};
    Offset foreign_until = 0;  // others have appended before this offset: an aggregate older than that may have missed events
  };

  // The transaction whose outcome is unknown.
  struct Unsettled {
    std::string transaction_id;
    std::optional<Evidence> evidence;
  };

  void handle_once(std::span<const Incoming> batch, std::optional<AppendTransaction>& transaction);
  HandleError failed(const std::optional<AppendTransaction>& transaction);
  void find_streams(std::span<const Incoming> batch);
  void compare_heads(const AppendTransaction& transaction);
  void load(const AppendTransaction& transaction);
  void decide(std::span<const Incoming> batch, AppendTransaction& transaction);
  void decide(const SendMessage& command, std::size_t index, std::span<const Incoming> batch, AppendTransaction& transaction);
  void decide(const RecordReceipt& command, std::size_t index, std::span<const Incoming> batch, AppendTransaction& transaction);
  void decide(const SetTyping& command, std::size_t index, std::span<const Incoming> batch, AppendTransaction& transaction);
  void apply_parked(Stream& stream, std::span<const Incoming> batch, AppendTransaction& transaction);
  Handled take_decision(domain::Decision&& decision, Stream& stream, const std::optional<Timestamp>& occurred_at,
                        AppendTransaction& transaction);
  void reject(const Incoming& incoming, const Rejection& rejection);
  void park_what_still_waits(std::span<const Incoming> batch, AppendTransaction& transaction);
  void take_snapshots(AppendTransaction& transaction);
  void remember(const AppendTransaction& transaction);

  postgres::Connection* connection_;
  int partition_count_;
  AppendBuffers buffers_;
  AggregateCache cache_;
  std::vector<Seen> seen_;  // by partition
  int load_first_for_ = kBatchesToLoadFirst;
  std::optional<Unsettled> unsettled_;
  const Retry* retry_ = nullptr;  // during retry()

  // Of the batch at hand; kept for their memory.
  std::vector<Stream> streams_;
  std::unordered_map<StreamKey, std::size_t, StreamKeyHash> stream_index_;
  std::vector<std::size_t> stream_of_;  // by index in the batch
  std::vector<Partition> partitions_;
  std::vector<Handled> handled_;
  std::vector<MessageToReject> rejected_;
  std::vector<std::int64_t> unparked_;
  std::string payload_;
};

// The exception in flight. A server that is shut down while it commits says so by an error, and leaves the outcome as unknown as a
// connection that breaks.
HandleError CommandHandler::Impl::failed(const std::optional<AppendTransaction>& transaction) {
  HandleError error = classify(std::current_exception(), transaction && transaction->commit_sent());
  if (error.kind == HandleError::Kind::outcome_unknown) {
    unsettled_ = Unsettled{transaction->transaction_id(), transaction->evidence()};
  }
  return error;
}

Result<std::vector<Handled>, HandleError> CommandHandler::Impl::handle(std::span<const Incoming> batch) {
  if (batch.empty()) return std::vector<Handled>{};
  unsettled_.reset();
  for (bool is_second_try = false;; is_second_try = true) {
    const bool loads_first = load_first_for_ > 0;
    std::optional<AppendTransaction> transaction;
    try {
      handle_once(batch, transaction);
      if (loads_first) --load_first_for_;
      return std::move(handled_);
    } catch (const postgres::StatementError& error) {
      if (error.constraint == kStreamVersionConstraint && !is_second_try) {
        // A message that was taken to be new is none. The second try trusts nothing but the log.
        cache_.clear();
        load_first_for_ = kBatchesToLoadFirst;
        continue;
      }
      return fail(failed(transaction));
    } catch (const pqxx::failure&) {
      return fail(failed(transaction));
    } catch (const NotOpen& error) {
      return fail(HandleError{HandleError::Kind::refused, error.what()});
    } catch (const UnreadableStream& error) {
      return fail(HandleError{HandleError::Kind::refused, error.what()});
    }
  }
}

Result<std::vector<Handled>, HandleError> CommandHandler::Impl::retry(std::span<const Incoming> batch, const Retry& retry) {
  retry_ = &retry;
  auto handled = handle(batch);
  retry_ = nullptr;
  return handled;
}

void CommandHandler::Impl::handle_once(std::span<const Incoming> batch, std::optional<AppendTransaction>& transaction) {
  find_streams(batch);
  transaction.emplace(*connection_, buffers_, partitions_);
  if (retry_) lock_open(*transaction, retry_->rows);
  compare_heads(*transaction);
  load(*transaction);
  decide(batch, *transaction);
  if (retry_) {
    record_retry(*transaction, *connection_, *retry_, handled_);
  } else {
    park_what_still_waits(batch, *transaction);
  }
  unpark(*transaction, unparked_);
  keep_rejected(*transaction, *connection_, rejected_);
  take_snapshots(*transaction);
  transaction->commit();
  remember(*transaction);
}

void CommandHandler::Impl::find_streams(std::span<const Incoming> batch) {
  streams_.clear();
  stream_index_.clear();
  partitions_.clear();
  rejected_.clear();
  unparked_.clear();
  handled_.assign(batch.size(), Handled{Outcome::rejected, std::nullopt, std::nullopt});
  stream_of_.assign(batch.size(), 0);
  for (std::size_t index = 0; index < batch.size(); ++index) {
    const auto* command = std::get_if<domain::Command>(&batch[index].content);
    if (!command) continue;
    const bool is_message = std::holds_alternative<SendMessage>(*command);
    std::string id = domain::stream_of(*command);
    const StreamKey key = stream_key(id);
    auto [found, is_new] = stream_index_.try_emplace(key, streams_.size());
    if (is_new) {
      const Partition partition = partition_of(key, partition_count_);
      Aggregate nothing = std::holds_alternative<SetTyping>(*command) ? Aggregate(domain::Typing::idle)
                                                                      : Aggregate(domain::Message());
      streams_.push_back({.id = std::move(id),
                          .key = key,
                          .partition = partition,
                          .starts_with_message = is_message,
                          .state = {std::move(nothing), 0, 0},
                          .parked = {}});
      partitions_.push_back(partition);
    }
    stream_of_[index] = found->second;
    streams_[found->second].has_message |= is_message;
  }
  std::sort(partitions_.begin(), partitions_.end());
  partitions_.erase(std::unique(partitions_.begin(), partitions_.end()), partitions_.end());
}

void CommandHandler::Impl::compare_heads(const AppendTransaction& transaction) {
  for (const Head& head : transaction.heads()) {
    Seen& seen = seen_[static_cast<std::size_t>(head.partition)];
    if (head.next_offset == seen.next_offset && head.last_hash == seen.last_hash) continue;
    // A log that ends before, or in something else than, what was seen is not the log that the cache knows.
    if (head.next_offset <= seen.next_offset) cache_.clear();
    seen.foreign_until = head.next_offset;
  }
}

void CommandHandler::Impl::load(const AppendTransaction& transaction) {
  std::vector<StreamToLoad> to_load;
  std::vector<StreamAddress> parked_at;
  std::vector<std::size_t> parked_stream;
  for (std::size_t index = 0; index < streams_.size(); ++index) {
    Stream& stream = streams_[index];
    if (auto cached = cache_.take(stream.key)) {
      const bool is_current = cached->as_of >= seen_[static_cast<std::size_t>(stream.partition)].foreign_until;
      stream.state = std::move(*cached);
      if (!is_current) to_load.push_back({stream.partition, stream.key, &stream.state});
    } else if (load_first_for_ > 0 || !stream.starts_with_message) {
      to_load.push_back({stream.partition, stream.key, &stream.state});
    }
    if (stream.has_message && transaction.head(stream.partition).parked > 0) {
      parked_at.push_back({stream.partition, stream.key});
      parked_stream.push_back(index);
    }
  }
  load_streams(*connection_, to_load);
  for (ParkedReceipt& parked : load_parked(*connection_, parked_at)) {
    streams_[parked_stream[parked.stream]].parked.push_back(std::move(parked));
  }
}

void CommandHandler::Impl::decide(std::span<const Incoming> batch, AppendTransaction& transaction) {
  for (std::size_t index = 0; index < batch.size(); ++index) {
    const Incoming& incoming = batch[index];
    if (const auto* rejection = std::get_if<Rejection>(&incoming.content)) {
      handled_[index] = {Outcome::rejected, std::nullopt, *rejection};
      reject(incoming, *rejection);
      continue;
    }
    std::visit([&](const auto& command) { decide(command, index, batch, transaction); },
               std::get<domain::Command>(incoming.content));
  }
}

void CommandHandler::Impl::decide(const SendMessage& command, std::size_t index, std::span<const Incoming> batch,
                                  AppendTransaction& transaction) {
  Stream& stream = streams_[stream_of_[index]];
  const auto& message = std::get<domain::Message>(stream.state.aggregate);
  handled_[index] =
      take_decision(domain::decide(message, command), stream, batch[index].occurred_at, transaction);
  if (handled_[index].outcome == Outcome::rejected) reject(batch[index], *handled_[index].rejection);
  if (handled_[index].outcome == Outcome::appended) apply_parked(stream, batch, transaction);
}

void CommandHandler::Impl::decide(const RecordReceipt& command, std::size_t index, std::span<const Incoming> batch,
                                  AppendTransaction& transaction) {
  Stream& stream = streams_[stream_of_[index]];
  const auto& message = std::get<domain::Message>(stream.state.aggregate);
  domain::Decision decision = domain::decide(message, command);
  const auto* rejection = std::get_if<Rejection>(&decision);
  if (rejection && rejection->reason == RejectionReason::illegal_transition && !message.exists()) {
    stream.waiting.push_back(index);
    handled_[index] = {Outcome::parked, std::nullopt, std::nullopt};
    return;
  }
  handled_[index] = take_decision(std::move(decision), stream, batch[index].occurred_at, transaction);
  if (handled_[index].outcome == Outcome::rejected) reject(batch[index], *handled_[index].rejection);
}

void CommandHandler::Impl::decide(const SetTyping& command, std::size_t index, std::span<const Incoming> batch,
                                  AppendTransaction& transaction) {
  Stream& stream = streams_[stream_of_[index]];
  handled_[index] = take_decision(domain::decide(std::get<domain::Typing>(stream.state.aggregate), command), stream,
                                  batch[index].occurred_at, transaction);
  if (handled_[index].outcome == Outcome::rejected) reject(batch[index], *handled_[index].rejection);
}

// The message is there now: what waited for it follows, in the order in which it came.
void CommandHandler::Impl::apply_parked(Stream& stream, std::span<const Incoming> batch, AppendTransaction& transaction) {
  for (const ParkedReceipt& parked : stream.parked) {
    const auto& message = std::get<domain::Message>(stream.state.aggregate);
    Handled outcome = take_decision(domain::decide(message, parked.receipt), stream, parked.occurred_at, transaction);
    unparked_.push_back(parked.id);
    if (outcome.outcome != Outcome::rejected) continue;
    rejected_.push_back({.topic = parked.topic,
                         .payload = parked.payload,
                         .received_at = parked.received_at,
                         .sequence = parked.sequence,
                         .rejection = std::move(*outcome.rejection),
                         .message_id = parked.receipt.message_id.str(),
                         .actor_id = parked.receipt.user.str()});
  }
  for (std::size_t index : std::exchange(stream.waiting, {})) {
    decide(std::get<RecordReceipt>(std::get<domain::Command>(batch[index].content)), index, batch, transaction);
  }
}

Handled CommandHandler::Impl::take_decision(domain::Decision&& decision, Stream& stream,
                                            const std::optional<Timestamp>& occurred_at, AppendTransaction& transaction) {
  if (std::holds_alternative<domain::Duplicate>(decision)) return {Outcome::duplicate, std::nullopt, std::nullopt};
  if (auto* rejection = std::get_if<Rejection>(&decision)) return {Outcome::rejected, std::nullopt, std::move(*rejection)};
  Handled handled{Outcome::appended, std::nullopt, std::nullopt};
  for (const domain::Event& event : std::get<domain::Events>(decision)) {
    payload_.clear();
    encode_payload(event, payload_);
    // What the server states has no client's time.
    const bool by_server = std::holds_alternative<domain::MessageReceived>(event);
    const Position position = transaction.add(stream.partition, {.key = stream.key,
                                                                 .stream_id = stream.id,
                                                                 .version = stream.state.next_version++,
                                                                 .event_type = domain::event_type(event),
                                                                 .schema_version = schema_version(event),
                                                                 .actor_id = actor_of(event),
                                                                 .occurred_at = by_server ? std::nullopt : occurred_at,
                                                                 .payload = payload_});
    if (!handled.position) handled.position = position;
    apply_event(stream.state.aggregate, event);
  }
  return handled;
}

void CommandHandler::Impl::reject(const Incoming& incoming, const Rejection& rejection) {
  if (retry_) return;  // it is kept already: record_retry() says why it stays
  MessageToReject message{.topic = incoming.raw.topic,
                          .payload = incoming.raw.payload,
                          .received_at = incoming.raw.received_at,
                          .sequence = static_cast<std::int64_t>(incoming.sequence),
                          .rejection = rejection,
                          .message_id = std::nullopt,
                          .actor_id = std::nullopt};
  if (const auto* command = std::get_if<domain::Command>(&incoming.content)) {
    if (const auto* send = std::get_if<SendMessage>(command)) {
      message.message_id = send->message_id.str();
      message.actor_id = send->sender.str();
    } else if (const auto* receipt = std::get_if<RecordReceipt>(command)) {
      message.message_id = receipt->message_id.str();
      message.actor_id = receipt->user.str();
    } else {
      message.actor_id = std::get<SetTyping>(*command).sender.str();
    }
  }
  rejected_.push_back(std::move(message));
}

void CommandHandler::Impl::park_what_still_waits(std::span<const Incoming> batch, AppendTransaction& transaction) {
  std::vector<ReceiptToPark> receipts;
  for (const Stream& stream : streams_) {
    for (std::size_t index : stream.waiting) {
      const Incoming& incoming = batch[index];
      receipts.push_back({.partition = stream.partition,
                          .key = stream.key,
                          .receipt = &std::get<RecordReceipt>(std::get<domain::Command>(incoming.content)),
                          .occurred_at = incoming.occurred_at,
                          .received_at = incoming.raw.received_at,
                          .topic = incoming.raw.topic,
                          .payload = incoming.raw.payload,
                          .sequence = static_cast<std::int64_t>(incoming.sequence)});
    }
  }
  park(transaction, *connection_, receipts);
}

void CommandHandler::Impl::take_snapshots(AppendTransaction& transaction) {
  for (Stream& stream : streams_) {
    const auto* message = std::get_if<domain::Message>(&stream.state.aggregate);
    if (message == nullptr || !snapshot_due(stream.state.next_version, stream.state.snapshot_at)) continue;
    transaction.execute(save_snapshot_statement(stream.partition, stream.key, stream.state.next_version, *message));
    stream.state.snapshot_at = stream.state.next_version;
  }
}

void CommandHandler::Impl::remember(const AppendTransaction& transaction) {
  for (const Head& head : transaction.heads()) {
    Seen& seen = seen_[static_cast<std::size_t>(head.partition)];
    seen.next_offset = head.next_offset;
    seen.last_hash = head.last_hash;
  }
  for (Stream& stream : streams_) {
    if (stream.state.next_version == 0) continue;  // a receipt's stream whose message has not come
    stream.state.as_of = transaction.head(stream.partition).next_offset;
    cache_.put(stream.key, std::move(stream.state));
  }
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
    // Whatever went wrong here, the question is still open.
    return fail(HandleError{HandleError::Kind::outcome_unknown, error.what()});
  }
}

Result<std::size_t, HandleError> CommandHandler::Impl::expire_parked(std::chrono::seconds window) {
  const std::string expired = "parked_at < clock_timestamp() - interval '" + std::to_string(window.count()) + " seconds'";
  std::size_t moved = 0;
  std::optional<AppendTransaction> transaction;
  try {
    for (;;) {
      postgres::Statements find(*connection_);
      find.send("SELECT DISTINCT partition FROM parked_events WHERE " + expired + " ORDER BY partition");
      const postgres::TextRows rows = find.rows();
      find.finish();
      if (rows.size() == 0) return moved;
      std::vector<Partition> partitions;
      std::string list;
      for (int row = 0; row < rows.size(); ++row) {
        partitions.push_back(static_cast<Partition>(rows.integer(row, 0)));
        list.append(list.empty() ? "" : ",").append(rows.text(row, 0));
      }
      transaction.emplace(*connection_, buffers_, partitions);
      moved += static_cast<std::size_t>(transaction->execute(
          "WITH expired AS (DELETE FROM parked_events WHERE id IN (SELECT id FROM parked_events WHERE " + expired +
          " AND partition IN (" + list + ") ORDER BY parked_at LIMIT " + std::to_string(kExpireAtOnce) +
          ") RETURNING *), counted AS (UPDATE event_log_heads h SET parked = h.parked - c.count FROM "
          "(SELECT partition, count(*) FROM expired GROUP BY partition) c WHERE h.partition = c.partition), "
          "kept AS (INSERT INTO rejected_events (received_at, topic, payload, reason, detail, message_id, actor_id, sequence) "
          "SELECT received_at, topic, payload, 'parked_too_long', status || ' waited since ' || parked_at || "
          "' for a message that did not come', message_id, user_id, sequence FROM expired "
          "ON CONFLICT (received_at, sequence, sha256(payload)) DO NOTHING) SELECT FROM expired"));
      transaction->commit();
      transaction.reset();
    }
  } catch (const pqxx::failure&) {
    HandleError error = classify(std::current_exception(), false);  // moved or not: the next call sees what is left
    return fail(std::move(error));
  }
}

CommandHandler::CommandHandler(postgres::Connection& connection, HandlerSettings settings)
    : impl_(std::make_unique<Impl>(connection, settings)) {}
CommandHandler::~CommandHandler() = default;

Result<std::vector<Handled>, HandleError> CommandHandler::handle(std::span<const Incoming> batch) { return impl_->handle(batch); }
Result<std::optional<std::vector<Handled>>, HandleError> CommandHandler::settle(postgres::Connection& connection) {
  return impl_->settle(connection);
}
Result<std::vector<Handled>, HandleError> CommandHandler::retry(std::span<const Incoming> batch, std::span<const std::int64_t> rows,
                                                                std::string_view who) {
  return impl_->retry(batch, {.rows = rows, .who = who});
}
void CommandHandler::reconnected(postgres::Connection& connection) { impl_->reconnected(connection); }
Result<std::size_t, HandleError> CommandHandler::expire_parked(std::chrono::seconds window) {
  return impl_->expire_parked(window);
}
int CommandHandler::partition_count() const { return impl_->partition_count(); }

}  // namespace hermes::eventstore
