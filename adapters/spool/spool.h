// The spool: a durable queue on disk between the broker and the database. What the broker was told is stored, is stored here:
// `append` runs in the MQTT callback, before the PUBACKs go out. docs/spool-format.md specifies the files.
//
// A folder of append-only segment files; records framed by length and CRC-32. One process at a time holds a folder (flock).
// Thread-safe: one thread appends while others read and release.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/timestamp.h"

namespace hermes::spool {

// When what was appended is forced to the disk. A kill of the process loses nothing with any of them; they differ in what a
// power loss can take: everything the kernel had not written (never), the last interval, or nothing (always).
enum class Fsync { never, interval, always };

struct Settings {
  std::filesystem::path folder;
  Fsync fsync = Fsync::interval;
  std::chrono::milliseconds fsync_interval{100};
  // A segment is removed as a whole, so small ones give space back sooner and large ones cost fewer files. A quarter of
  // max_bytes at most, and of what the disk has for us.
  std::size_t segment_bytes = 64u << 20;
  std::size_t max_bytes = 1u << 30;  // all segments; then append says `full`
  // Told, in one line, what must not go unnoticed and has no caller to be returned to: damage found in a segment, a failed
  // sync, a released mark or segment that could not be written or removed. Called from any thread that uses the spool, and
  // from its own. Empty: the line goes to stderr.
  std::function<void(const std::string& line)> warn;
};

using Sequence = std::uint64_t;  // 1, 2, 3, ... over the spool's whole life

struct Record {
  Sequence sequence = 0;
  std::string topic;
  std::string payload;
  Timestamp received_at;  // strictly increasing over the spool's whole life, like the sequences
};

struct NewRecord {
  std::string_view topic;
  std::string_view payload;
};

struct OpenError {
  std::string message;
};
struct AppendError {
  enum class Kind {
    full,  // max_bytes are reached: release something
    io     // the disk did not take it (full, broken), or an earlier sync failed
  } kind;
  std::string message;  // one line: what, where, what to do
};

// Bytes of a segment that hold no readable record although one should be there. They are kept aside as they were found.
struct Damage {
  std::filesystem::path segment;
  std::uint64_t offset = 0;
  std::uint64_t bytes = 0;
  std::uint64_t records_lost = 0;    // by the gap in the sequences; 0: at the end of the spool, where the count can't be known
  std::filesystem::path kept_aside;  // empty: there were no bytes (a segment is missing)
  std::string message;               // one line for the log
};

class Spool {
 public:
  // Opens or makes the folder; cuts a torn tail and tells it in `recovered()`. Records that were not released are read again,
  // and so may be some that were, shortly before a kill: what they did must be safe to do twice (in the log it is).
  static Result<std::unique_ptr<Spool>, OpenError> open(Settings settings);
  ~Spool();

  // Appends records that came together, with one write and with `fsync = always` one flush for as many of them as fit a
  // segment. Each is appended whole or not at all, in order: those behind the first that is not are not either. The first
  // arrived at `now` and each other a microsecond after the one before it; where the clock was put back, a microsecond after
  // the last one before (that it was, by a second or more, is told to `warn`). Requires: sizes that fit MQTT (topic 64 KiB,
  // payload 256 MiB).
  struct Appended {
    std::size_t count = 0;             // of them, from the first on
    Sequence last = 0;                 // of those; 0: none
    std::optional<AppendError> error;  // why not all
  };
  Appended append(std::span<const NewRecord> records, Timestamp now);
  Result<Sequence, AppendError> append(std::string_view topic, std::string_view payload, Timestamp now);

  // Reads on from where this call last stopped (at open: from the first record not released). Returns nothing at the end.
  // Damage is kept aside, told to `warn` and stepped over. Throws std::system_error when a segment can't be read.
  std::optional<Record> next();

  // Every record up to and including `sequence` is done with. Segments that hold nothing else are removed. Survives a kill.
  // Requires: `sequence` was returned by append() or next().
  void release(Sequence sequence);

  struct Recovered {
    std::uint64_t records = 0;         // found and not released
    std::uint64_t torn_bytes_cut = 0;  // of writes cut short: their append had not returned
    std::vector<Damage> damaged;
  };
  const Recovered& recovered() const;

  struct Statistics {
    std::uint64_t bytes = 0;          // of all segments
    std::uint64_t records = 0;        // not released
    std::optional<Timestamp> oldest;  // received_at of the first record not released
    std::optional<Timestamp>
        latest_arrival;                 // that was ever given; nothing before the first, and where a folder is only inspected
    std::uint64_t records_damaged = 0;  // found since open, and at open
  };
  Statistics statistics() const;

  // How much append could take now, by the limit or by the disk, whichever is nearer.
  struct Room {
    std::uint64_t free = 0;
    std::uint64_t whole = 0;  // free, and what the segments have
  };
  Room room() const;

 private:
  class Impl;
  explicit Spool(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

// The statistics of a folder that another process may hold: for `hermes status`. Reads only; nothing if there is no spool.
// Reads the newest segment through, so it takes up to a tenth of a second.
std::optional<Spool::Statistics> inspect(const std::filesystem::path& folder);

}  // namespace hermes::spool
