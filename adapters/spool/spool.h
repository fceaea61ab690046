// The spool: a durable queue on disk between the broker and the database. Every message that is acknowledged to the broker is
// here: `append` runs in the MQTT callback, before the PUBACKs are sent. docs/spool-format.md specifies the files.
//
// It is a folder of append-only segment files, whose records are framed by length and CRC-32. One process at a time holds a
// folder (flock). Thread-safe: one thread appends while others read and release.
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

// When appended records are flushed to disk. A kill of the process loses nothing with any of them. A power loss can lose the
// records that the kernel had not written yet (never), those of the last interval, or nothing (always).
enum class Fsync { never, interval, always };

struct Settings {
  std::filesystem::path folder;
  Fsync fsync = Fsync::interval;
  std::chrono::milliseconds fsync_interval{100};
  // A segment is removed as a whole, so small ones free space sooner and large ones need fewer files. At most a quarter of
  // max_bytes, and of the disk space that the spool may use.
  std::size_t segment_bytes = 64u << 20;
  std::size_t max_bytes = 1u << 30;  // of all segments; then append returns `full`
  // Called with one line for a problem that can't be returned to a caller: damage found in a segment, a failed sync, a released
  // mark or segment that could not be written or removed. Called on any thread that uses the spool, and on its own. Empty: the
  // line goes to stderr.
  std::function<void(const std::string& line)> warn;
};

using Sequence = std::uint64_t;  // 1, 2, 3, ... over the spool's whole life

struct Record {
  Sequence sequence = 0;
  std::string topic;
  std::string payload;
  Timestamp received_at;  // strictly increasing over the spool's whole life, like the sequence
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
    full,  // max_bytes is reached: release records
    io     // the disk did not take it (full, broken), or an earlier sync failed
  } kind;
  std::string message;  // one line: what, where, what to do
};

// Bytes of a segment in which a record should be, but none can be read. They are kept aside unchanged.
struct Damage {
  std::filesystem::path segment;
  std::uint64_t offset = 0;
  std::uint64_t bytes = 0;
  std::uint64_t records_lost = 0;    // by the gap in the sequences; 0: at the end of the spool, where the count is unknown
  std::filesystem::path kept_aside;  // empty: there were no bytes (a segment is missing)
  std::string message;               // one line for the log
};

class Spool {
 public:
  // Opens or makes the folder; cuts off a torn end and reports it in `recovered()`. Records that were not released are read
  // again, and perhaps some that were released shortly before a kill: handling a record twice must be safe (for the log it is).
  static Result<std::unique_ptr<Spool>, OpenError> open(Settings settings);
  ~Spool();

  // Appends records that came together, with one write and with `fsync = always` one flush for as many of them as fit a
  // segment. Each is appended whole or not at all, in order: after the first failure no other is appended. The first record
  // gets the time `now` and each other a microsecond more. After the clock was put back, the first gets a microsecond more than
  // the last record before (if by a second or more, `warn` is called). Requires: sizes that fit MQTT (topic 64 KiB, payload 256
  // MiB).
  struct Appended {
    std::size_t count = 0;             // how many, counted from the first
    Sequence last = 0;                 // the last appended; 0: none
    std::optional<AppendError> error;  // why not all
  };
  Appended append(std::span<const NewRecord> records, Timestamp now);
  Result<Sequence, AppendError> append(std::string_view topic, std::string_view payload, Timestamp now);

  // Reads the next record (after open: the first one not released). Returns nothing at the end. Damage is kept aside, reported
  // to `warn` and skipped. Throws std::system_error when a segment can't be read.
  std::optional<Record> next();

  // Releases every record up to and including `sequence`, and removes segments that hold no others. Survives a kill. Requires:
  // `sequence` was returned by append() or next().
  void release(Sequence sequence);

  struct Recovered {
    std::uint64_t records = 0;         // found and not released
    std::uint64_t torn_bytes_cut = 0;  // of writes cut short before their append returned
    std::vector<Damage> damaged;
  };
  const Recovered& recovered() const;

  struct Statistics {
    std::uint64_t bytes = 0;                  // of all segments
    std::uint64_t records = 0;                // not released
    std::optional<Timestamp> oldest;          // received_at of the first record not released
    std::optional<Timestamp> latest_arrival;  // ever given out; nothing before the first, and if a folder is only inspected
    std::uint64_t records_damaged = 0;        // found since open, and at open
  };
  Statistics statistics() const;

  // How many bytes append could take now, by the limit or by the disk, whichever is less.
  struct Room {
    std::uint64_t free = 0;
    std::uint64_t whole = 0;  // free, plus the segments' own
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
