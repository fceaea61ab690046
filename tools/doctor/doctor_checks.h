// The checks of `hermes doctor`. Each reports the state of one thing in one line and, if there is a problem, what to do.
//
// A check that can't run because another one failed is `skipped`, so that every run has the same lines.
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "adapters/ingest/kept_sessions.h"
#include "adapters/mqtt/client.h"
#include "adapters/mqtt/grants.h"
#include "tools/cli/settings.h"

namespace hermes::tools {

struct Check {
  enum class Level {
    ok,
    warn,  // it works, but not as well or as safely as it should
    fail,  // something does not work, or loses data
    skipped
  };
  std::string name;
  Level level = Level::ok;
  std::string finding;      // one line
  std::string advice = {};  // what to do; empty when there is nothing to do
};

using Checks = std::vector<Check>;

struct DoctorSettings {
  std::filesystem::path spool_folder = ".hermes/spool";
  std::uint64_t spool_bytes_max = 1u << 30;
  std::uint16_t ingester_port = 9464;
  std::uint16_t projector_port = 9465;
  std::uint16_t query_port = 8480;
  bool query_port_is_set = false;  // it was configured, so the service should answer there
  std::filesystem::path anchor;    // what hermes verify --anchor writes, or a folder of such files; empty: nobody has said
};

// Connects, subscribes like the ingester, and sends one message there and back. The message is a status that only the server
// may state, which ingesters ignore as their own echo (adapters/ingest/router.h), on the topic of a user whom nobody has: no
// table and no client shows it. The broker keeps nothing of it.
Checks check_broker(const Settings& settings, const DoctorSettings& doctor);

// Sessions that the ingester of this machine left at the broker, as far as that can be known. `client`: the settings to ask the
// broker with.
Check check_former_sessions(const Settings& settings, const DoctorSettings& doctor, const mqtt::Settings& client);

// Reachability, version, durability, size of the WAL and its archive, clock, disk, roles, migrations, partitions, privileges,
// and the state that the services report.
Checks check_database(const Settings& settings);

// Spool, disks, ports, the anchor and other files of this machine.
Checks check_machine(const Settings& settings, const DoctorSettings& doctor);

// Pure functions judge the findings, so that a test needs no broken broker or wrong clock.
Check judge_receive_maximum(const mqtt::Grants& grants);
Check judge_packet_size(const mqtt::Grants& grants);
Check judge_session_expiry(const mqtt::Grants& grants);
// `absent`: how many sessions of absent clients the broker says that it keeps; nothing: it does not tell.
Check judge_former_sessions(const std::vector<ingest::KeptSession>& left, std::optional<long> absent);
// `ahead`: how far the database's clock is ahead of this machine's; `uncertainty`: half of the time that the query took.
Check judge_clock(std::chrono::microseconds ahead, std::chrono::microseconds uncertainty);
// `kept_bytes`, `bytes_max`: PostgreSQL's min_wal_size and max_wal_size.
Check judge_wal(std::uint64_t kept_bytes, std::uint64_t bytes_max);
// What PostgreSQL says of the archive of its WAL (docs/backup.md).
struct Archiving {
  std::string off_because;   // empty: it is on
  std::string failing_file;  // which file the last attempt could not archive; empty: it could
  std::optional<std::chrono::microseconds> last_archived_ago;
};
Check judge_archiving(const Archiving& archiving);
// `written_ago`: nothing if the file is not there.
Check judge_anchor(const std::filesystem::path& anchor, std::optional<std::chrono::microseconds> written_ago);
// `may_grow`: the most that may still be written there; 0: unknown.
Check judge_disk(const std::string& name, const std::string& path, std::uint64_t free_bytes, std::uint64_t may_grow,
                 const std::string& advice);

}  // namespace hermes::tools
