// The spool: a durable queue on disk between the broker and the database. What the broker was told is stored, is stored here:
// `append` runs in the MQTT callback, before the PUBACK goes out. docs/spool-format.md specifies the files.
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
#include <string>
#include <string_view>

#include "domain/result.h"
#include "domain/timestamp.h"

namespace hermes::spool {

// When what was appended is forced to the disk. A kill of the process loses nothing with any of them; they differ in what a
// power loss can take: everything the kernel had not written (never), the last interval, or nothing (always).
enum class Fsync { never, interval, always };

struct Settings {
  std::filesystem::path folder;
  Fsync fsync = Fsync::interval;
  std::chrono::milliseconds fsync_interval{100};
  std::size_t segment_bytes = 64u << 20;
  std::size_t max_bytes = 1u << 30;  // all segments; then append says `full`
};

using Sequence = std::uint64_t;  // 1, 2, 3, ... over the spool's whole life

struct Record {
  Sequence sequence = 0;
  std::string topic;
  std::string payload;
  domain::Timestamp received_at;
};

struct OpenError {
  std::string message;
};
struct AppendError {
  enum class Kind { full, io } kind;
  std::string message;
};

class Spool {
 public:
  // Opens or makes the folder; cuts a torn tail and tells it in `recovered()`. Records that were not released are read again.
  static Result<std::unique_ptr<Spool>, OpenError> open(Settings settings);
  ~Spool();

  // All or nothing: on failure the segment is as before.
  Result<Sequence, AppendError> append(std::string_view topic, std::string_view payload, domain::Timestamp received_at);

  // Reads on from where this call last stopped (at open: from the first record not released). Returns nothing at the end.
  std::optional<Record> next();

  // Every record up to and including `sequence` is done with. Segments that hold nothing else are removed. Survives a kill.
  void release(Sequence sequence);

  struct Recovered {
    std::uint64_t records = 0;        // found and not released
    std::uint64_t torn_bytes_cut = 0;
  };
  const Recovered& recovered() const;

  struct Statistics {
    std::uint64_t bytes = 0;
    std::uint64_t records = 0;  // not released
    std::optional<domain::Timestamp> oldest;
  };
  Statistics statistics() const;

 private:
  class Impl;
  explicit Spool(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace hermes::spool
