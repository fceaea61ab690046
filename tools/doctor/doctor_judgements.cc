#include <cmath>

#include "adapters/ingest/settings.h"
#include "adapters/wire/wire.h"
#include "base/timestamp.h"
#include "tools/cli/output.h"
#include "tools/doctor/doctor_checks.h"

namespace hermes::tools {
namespace {

using Level = Check::Level;
using std::chrono::microseconds;
using std::chrono::seconds;

// With less, broker and client wait for each other most of the time. Mosquitto's default is 20.
constexpr std::uint16_t kReceiveMaximumWanted = 1'000;
// The bytes of a packet besides its payload: a topic with two ids of at most 255 characters, and properties.
constexpr std::uint32_t kPacketOverheadBytes = 2'048;
// A weekend: an ingester may be away so long without losing messages published meanwhile.
constexpr seconds kSessionExpiryWanted{3 * 86'400};
// Only people compare times of different clocks, in `hermes timeline` and in log lines. A difference of an hour is a wrong time
// zone.
constexpr seconds kClockNoticed{1};
constexpr seconds kClockWrong{60};
// Less than one segment of the spool: the next write may fail.
constexpr std::uint64_t kDiskLeastBytes = 64u << 20;
constexpr std::uint64_t kDiskWantedBytes = 1u << 30;

// All commits wait while a new WAL file is made; a file that was kept is written over. And after each checkpoint, which the
// WAL's size triggers under load, every changed page goes into the WAL as a whole (PostgreSQL's manual, 30.5 "WAL
// Configuration").
constexpr std::uint64_t kWalKeptWanted = 512u << 20;
constexpr std::uint64_t kWalMaxWanted = 2ull << 30;

// One a day, and a day of patience.
constexpr std::chrono::hours kAnchorAgeMax{48};

constexpr const char* kMosquittoLimits =
    " in mosquitto.conf, as deploy/mosquitto/mosquitto.conf has it, and restart the broker";

}  // namespace

Check judge_receive_maximum(const mqtt::Grants& grants) {
  const std::string finding = std::to_string(grants.receive_maximum) + " messages in flight";
  if (grants.receive_maximum >= kReceiveMaximumWanted) return {"in flight", Level::ok, finding};
  return {"in flight", Level::warn, "only " + finding + ": under load the broker queues and then drops messages without a word",
          std::string("raise max_inflight_messages and max_queued_messages") + kMosquittoLimits};
}

Check judge_packet_size(const mqtt::Grants& grants) {
  if (!grants.maximum_packet_bytes) return {"packet size", Level::ok, "no limit"};
  const std::string finding = "up to " + human_bytes(*grants.maximum_packet_bytes);
  if (*grants.maximum_packet_bytes >= wire::kMaxPayloadBytes + kPacketOverheadBytes) return {"packet size", Level::ok, finding};
  return {"packet size", Level::warn,
          finding + ": larger messages do not pass, and Hermes takes up to " + human_bytes(wire::kMaxPayloadBytes),
          std::string("raise message_size_limit or max_packet_size") + kMosquittoLimits};
}

Check judge_session_expiry(const mqtt::Grants& grants) {
  const std::string kept = human_duration(grants.session_expiry);
  const std::string advice = "let the broker keep sessions longer (Mosquitto: persistent_client_expiration)";
  if (grants.session_expiry.count() == 0) {
    return {"session", Level::fail, "the broker keeps no sessions: what is published while the ingester is away is lost",
            advice};
  }
  if (grants.session_expiry >= kSessionExpiryWanted) return {"session", Level::ok, "kept for " + kept};
  return {"session", Level::warn, "kept for " + kept + " only: what is published while the ingester is away for longer is lost",
          advice};
}

Check judge_clock(microseconds ahead, microseconds uncertainty) {
  const microseconds distance = std::chrono::abs(ahead);
  if (distance - uncertainty < kClockNoticed) {
    return {"clock", Level::ok, "within " + human_duration(std::max(distance, uncertainty)) + " of the database's"};
  }
  const bool wrong = distance - uncertainty >= kClockWrong;
  return {"clock", wrong ? Level::fail : Level::warn,
          "the database's clock is " + human_duration(distance) + (ahead.count() > 0 ? " ahead of" : " behind") +
              " this machine's: times of different origin do not fit together",
          "synchronize both machines: timedatectl set-ntp true"};
}

Check judge_wal(std::uint64_t kept_bytes, std::uint64_t bytes_max) {
  const std::string finding = human_bytes(kept_bytes) + " kept, up to " + human_bytes(bytes_max);
  if (kept_bytes >= kWalKeptWanted && bytes_max >= kWalMaxWanted) return {"wal", Level::ok, finding};
  return {
      "wal", Level::warn,
      finding + ": under load " + (kept_bytes < kWalKeptWanted ? "commits wait for new files" : "checkpoints come too often"),
      "min_wal_size = 1GB and max_wal_size = 2GB, or more, in postgresql.conf, then SELECT pg_reload_conf()"};
}

Check judge_archiving(const Archiving& archiving) {
  if (!archiving.off_because.empty()) {
    return {"wal archive", Level::warn,
            "none (" + archiving.off_because + "): whoever loses the database's disk loses all since the last backup",
            "set up backups: docs/backup.md; in a checkout: ./run_chat.sh backup FOLDER"};
  }
  const std::string last = archiving.last_archived_ago
                               ? "the last file " + human_duration(*archiving.last_archived_ago) + " ago"
                               : "nothing archived yet";
  if (!archiving.failing_file.empty()) {
    return {"wal archive", Level::fail,
            "it does not take " + archiving.failing_file + " (" + last +
                "): nothing newer can be restored, and the database keeps its WAL until its disk is full",
            "see the database's log for the words of archive_command; is the archive's disk full, or its folder gone?"};
  }
  return {"wal archive", Level::ok, last};
}

Check judge_anchor(const std::filesystem::path& anchor, std::optional<microseconds> written_ago) {
  const char* advice = "hermes verify --anchor FILE each day, on a machine that the database's administrators cannot write to";
  if (anchor.empty()) {
    return {"anchor", Level::warn, "none is known: nothing outside the database proves what the log was",
            std::string(advice) + ", and name it in HERMES_ANCHOR (docs/backup.md)"};
  }
  if (!written_ago) return {"anchor", Level::warn, anchor.string() + " is not there, or cannot be read", advice};
  const std::string finding = anchor.string() + ", written " + human_duration(*written_ago) + " ago";
  if (*written_ago > kAnchorAgeMax) return {"anchor", Level::warn, finding, advice};
  return {"anchor", Level::ok, finding};
}

Check judge_disk(const std::string& name, const std::string& path, std::uint64_t free_bytes, std::uint64_t may_grow,
                 const std::string& advice) {
  const std::string finding = human_bytes(free_bytes) + " free for " + path;
  if (free_bytes < kDiskLeastBytes) return {name, Level::fail, "only " + finding, advice};
  if (free_bytes < std::max(may_grow, kDiskWantedBytes)) {
    const std::string grows = may_grow > free_bytes ? ", which may grow by " + human_bytes(may_grow) : "";
    return {name, Level::warn, "only " + finding + grows, advice};
  }
  return {name, Level::ok, finding};
}

Check judge_former_sessions(const std::vector<ingest::KeptSession>& left, std::optional<long> absent) {
  if (left.empty()) return {"former sessions", Level::ok, "none is known"};
  if (absent == 0) return {"former sessions", Level::ok, "none is left at the broker"};
  std::string names;
  for (const ingest::KeptSession& session : left) {
    names += (names.empty() ? "" : ", ") + session.client_id;
    if (session.left_at) names += " (left " + rfc3339(Timestamp(*session.left_at)) + ")";
  }
  std::string finding = "the broker may still queue messages for a client id that the ingester had: " + names;
  if (absent) finding += "; it keeps " + std::to_string(*absent) + " sessions of clients that are away";
  return {"former sessions", Level::warn, finding,
          "run the ingester once under that id (HERMES_CLIENT_ID) to take what waits, then end the session: "
          "docs/troubleshooting.md"};
}

}  // namespace hermes::tools
