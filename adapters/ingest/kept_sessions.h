// What this machine has asked brokers to keep for its ingester: for each broker and client id, the filters that may be
// subscribed to in that session. A broker tells nobody what a session is subscribed to (MQTT 5 has no such request), so the
// ingester must remember it, or a filter of former settings would go on delivering for ever.
//
// A text file in the spool's folder, a line a filter; written anew as a whole, so that a kill leaves the old one or the new
// one.
#pragma once

#include <chrono>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"

namespace hermes::ingest {

struct KeptSession {
  using Time = std::chrono::sys_seconds;

  std::string broker;  // host:port
  std::string client_id;
  std::vector<std::string> filters{};
  std::optional<Time> left_at{};  // when another client id, or another broker, took its place

  bool operator==(const KeptSession&) const = default;
};

// More than anybody changes a client id within the time that a broker keeps a session; the oldest is forgotten.
inline constexpr std::size_t kKeptSessionsMax = 32;

// Nothing is kept in a folder without the file. Lines that are none of ours are passed over: what they said is then unknown.
std::vector<KeptSession> read_kept_sessions(const std::filesystem::path& folder);

struct KeptSessionsError {
  std::string message;  // one line
};
// On the disk when it returns. Requires: the folder is there and no other process writes there (the spool's lock).
Result<Done, KeptSessionsError> write_kept_sessions(const std::filesystem::path& folder,
                                                    const std::vector<KeptSession>& sessions);

// The session of `broker` and `client_id` is the one in use from now on, with these filters: all others are left at `now`, and
// those that were left more than `expiry` before are forgotten, as their brokers do.
std::vector<KeptSession> with_session_in_use(std::vector<KeptSession> sessions, const std::string& broker,
                                             const std::string& client_id, std::vector<std::string> filters,
                                             KeptSession::Time now, std::chrono::seconds expiry);

}  // namespace hermes::ingest
