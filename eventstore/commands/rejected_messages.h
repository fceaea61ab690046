// Refused messages, for operators: rows of rejected_events (migrations/0002). CommandHandler::retry() tries them again.
//
// All functions read or write in a transaction of their own (requires: none is open) and throw pqxx's exceptions.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/timestamp.h"
#include "eventstore/postgres/connection.h"

namespace hermes::eventstore {

struct RejectedMessage {
  struct Resolution {
    std::string kind;  // retried, dropped
    Timestamp at;
    std::string by;
  };

  std::int64_t id = 0;
  Timestamp rejected_at;
  Timestamp received_at;  // the ingester's clock
  std::string topic;
  std::string payload;  // as it came; empty where only the size was asked for
  std::size_t payload_bytes = 0;
  std::string reason;  // a code: domain/rejection.h
  std::string detail;
  std::optional<std::string> message_id;
  std::optional<std::string> actor_id;
  std::int64_t sequence = 0;
  std::optional<Resolution> resolution;  // nothing: open
  std::string note;                      // what the retry did, or why it was dropped; if open, why the last retry failed
};

struct RejectedFilter {
  std::string reason;              // empty: any
  std::optional<Timestamp> since;  // rejected then or later
  bool with_resolved = false;
  std::size_t limit = 50;
};

// The newest that fit the filter, newest first, without their payloads.
std::vector<RejectedMessage> list_rejected(postgres::Connection& connection, const RejectedFilter& filter);

// With payload.
std::optional<RejectedMessage> find_rejected(postgres::Connection& connection, std::int64_t id);

// The open ones after `after`, oldest first, with payloads: the pages of a long retry. `reason` empty: any. A page with large
// payloads ends early.
std::vector<RejectedMessage> open_rejected(postgres::Connection& connection, const std::string& reason, std::int64_t after,
                                           std::size_t limit);

// Marks open messages as dropped, all or none; their bytes stay. Returns the ids that are not open (or do not exist); if there
// are any, nothing was changed. Requires: a role that may resolve (hermes_ingester); who and why are not empty.
std::vector<std::int64_t> drop_rejected(postgres::Connection& connection, std::span<const std::int64_t> ids,
                                        std::string_view who, std::string_view why);

}  // namespace hermes::eventstore
