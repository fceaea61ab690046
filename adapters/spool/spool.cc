#include "adapters/spool/spool.h"

#include <fcntl.h>

#include <algorithm>
#include <atomic>
#include <cstdio>
#include <mutex>
#include <system_error>
#include <utility>

#include "adapters/spool/arrival_clock.h"
#include "adapters/spool/interval_sync.h"
#include "adapters/spool/recovery.h"
#include "adapters/spool/released_mark.h"
#include "adapters/spool/segment_format.h"
#include "adapters/spool/segment_list.h"
#include "adapters/spool/segment_writer.h"
#include "adapters/spool/spool_reader.h"
#include "base/folder_lock.h"

namespace hermes::spool {
namespace {

namespace fs = std::filesystem;

// At least four segments, so that space is freed before everything is released.
constexpr std::size_t kSegmentsMin = 4;
// Segments get no smaller than this, even on a disk that others have filled.
constexpr std::uint64_t kSegmentBytesMin = 64u << 10;

// A clock that is behind the last arrival by less was slewed, or many records that came together have moved past it for a
// moment.
constexpr std::chrono::seconds kClockBehindIsTold{1};

OpenError explain(const FolderLock::Refused& refused, const fs::path& folder) {
  if (!refused.held_by_another) return {"spool: " + refused.problem + ". Check that the folder exists and can be written to."};
  return {"the spool folder " + folder.string() + " is in use: " + refused.problem +
          ". Stop it, or give each ingester a folder of its own."};
}

void warn_on_stderr(const std::string& line) { std::fprintf(stderr, "hermes: %s\n", line.c_str()); }

}  // namespace

// Locks, taken in this order: reading_, appending_, releasing_, and for moments those of the parts.
class Spool::Impl {
 public:
  Impl(Settings settings, FolderLock lock, ReleasedMark mark, Recovery recovery)
      : settings_(std::move(settings)),
        lock_(std::move(lock)),
        recovered_(std::move(recovery.report)),
        clock_(std::max(mark.latest_arrival(), recovery.latest_arrival)),
        segments_(std::move(recovery.segments), recovery.last, mark.value()),
        reader_(settings_.folder, segments_, recovered_.damaged, [this](const Damage& damage) { tell(damage); }),
        mark_(std::move(mark)) {
    for (const Damage& damage : recovered_.damaged) tell(damage);
    if (settings_.fsync == Fsync::interval) {
      interval_sync_.emplace(settings_.fsync_interval, [this](const std::string& line) { warn(line); });
    }
  }

  Appended append(std::span<const NewRecord> records, Timestamp now) {
    const std::lock_guard appending(appending_);
    notice_clock(now);
    Appended appended;
    if (Result<Done, AppendError> synced = report_failed_sync(); !synced) {
      appended.error = synced.error();
      return appended;
    }
    std::size_t at_once = records.size();
    while (appended.count < records.size()) {
      const auto run = records.subspan(appended.count, std::min(at_once, records.size() - appended.count));
      Result<std::size_t, AppendError> count = append_run(run, now);
      if (count) {
        appended.count += *count;
        appended.last = segments_.last();
      } else if (run.size() > 1 && count.error().kind == AppendError::Kind::io) {
        at_once = run.size() / 2;  // a disk that is nearly full may take fewer
      } else {
        appended.error = std::move(count.error());
        break;
      }
    }
    return appended;
  }

  std::optional<Record> next() {
    const std::lock_guard reading(reading_);
    return reader_.next();
  }

  void release(Sequence sequence) {
    const std::lock_guard releasing(releasing_);
    if (!segments_.release(sequence)) return;
    try {
      mark_.write(sequence, clock_.latest());
      segments_.mark(sequence);
    } catch (const std::system_error& error) {
      warn(std::string("spool: what was released can't be marked: ") + error.what());  // the next release tries again
    }
    remove_released();
  }

  const Recovered& recovered() const { return recovered_; }

  Room room() const {
    std::error_code unknown;
    const fs::space_info disk = fs::space(settings_.folder, unknown);
    const std::uint64_t bytes = segments_.bytes();
    const std::uint64_t max_bytes = settings_.max_bytes;
    const std::uint64_t whole = unknown ? max_bytes : std::min<std::uint64_t>(max_bytes, bytes + disk.available);
    return {whole - std::min(whole, bytes), whole};
  }

  Statistics statistics() const {
    const SegmentList::Extent extent = segments_.extent();
    Statistics statistics;
    statistics.bytes = extent.bytes;
    statistics.records = extent.last - extent.released;
    statistics.records_damaged = records_damaged_;
    if (clock_.latest() != Timestamp::min()) statistics.latest_arrival = clock_.latest();
    if (const std::optional<Segment> oldest = segments_.first_with_more_than(extent.released)) {
      statistics.oldest = received_at_of(extent.released + 1, *oldest);
    }
    return statistics;
  }

 private:
  // --- appending -------------------------------------------------------------------------------------------------------

  // Until the clock has caught up, records are a microsecond apart, and times of arrival show only their order.
  void notice_clock(Timestamp now) {
    const bool is_behind = now + kClockBehindIsTold < clock_.latest();
    if (is_behind && !clock_is_behind_) {
      warn("spool: the clock says " + rfc3339(now) + ", but records have arrived until " + rfc3339(clock_.latest()) +
           ". It was put back; their order is kept, times of arrival stand still until it has " +
           "caught up. Check the clock: timedatectl");
    }
    clock_is_behind_ = is_behind;
  }

  // Appends as many records as fit the segment, at least one. All of these or none: on failure the segment is unchanged.
  Result<std::size_t, AppendError> append_run(std::span<const NewRecord> records, Timestamp now) {
    for (;;) {
      if (Result<Done, AppendError> ready = make_room(frame_bytes_of(records.front())); !ready) return fail(ready.error());
      const std::size_t count = encode_what_fits(records, now);
      const std::uint64_t offset = writer_->bytes();
      Result<Done, AppendError> written = writer_->append(encoder_.bytes());
      if (written && settings_.fsync == Fsync::always) written = sync_or_take_back(offset);
      if (written) {
        publish(count, offset);
        return count;
      }
      // On a full disk, the segment being written may be what fills it. It is closed in any case: then it is removed as soon as
      // its records are released, without another append.
      if (!close_released_writer()) {
        close_writer();
        return fail(explain(written.error()));
      }
    }
  }

  // Requires: there is room for the first.
  std::size_t encode_what_fits(std::span<const NewRecord> records, Timestamp now) {
    encoder_.clear();
    std::size_t count = 0;
    for (const NewRecord& record : records) {
      const std::size_t bytes = encoder_.bytes().size() + frame_bytes_of(record);
      if (count > 0 && (!fits(bytes) || writer_->bytes() + bytes > segment_bytes_)) break;
      ++count;
      encoder_.add(writer_->salt(), segments_.last() + count, clock_.next(now), record.topic, record.payload);
    }
    return count;
  }

  static std::size_t frame_bytes_of(const NewRecord& record) {
    return kFrameHeaderBytes + kBodyBytesMin + record.topic.size() + record.payload.size();
  }

  Result<Done, AppendError> make_room(std::size_t frame_bytes) {
    if (!fits(frame_bytes)) close_released_writer();
    if (!fits(frame_bytes)) {
      return fail(AppendError{AppendError::Kind::full, "spool: " + settings_.folder.string() + " is full (" +
                                                           std::to_string(settings_.max_bytes) +
                                                           " bytes). It drains when the database takes messages again."});
    }
    const bool begins = writer_ && writer_->bytes() == kSegmentHeaderBytes;  // a record larger than a segment gets its own
    if (writer_ && writer_->usable() && (begins || writer_->bytes() + frame_bytes <= segment_bytes_)) return Done{};
    return begin_segment();
  }

  bool fits(std::size_t frame_bytes) const {
    return segments_.bytes() + frame_bytes + kSegmentHeaderBytes <= settings_.max_bytes;
  }

  std::uint64_t segment_bytes_now() const {
    const std::uint64_t of_disk = std::max(room().whole / kSegmentsMin, kSegmentBytesMin);
    return std::min<std::uint64_t>({settings_.segment_bytes, settings_.max_bytes / kSegmentsMin, of_disk});
  }

  Result<Done, AppendError> begin_segment() {
    close_writer();
    segment_bytes_ = segment_bytes_now();
    const Sequence last = segments_.last();
    Result<SegmentWriter, AppendError> made =
        SegmentWriter::create(settings_.folder, last + 1, settings_.fsync != Fsync::never);
    if (!made) return fail(explain(made.error()));
    writer_.emplace(std::move(*made));
    Segment segment;
    segment.path = writer_->file()->path();
    segment.first = last + 1;
    segment.last = last;
    segment.bytes = kSegmentHeaderBytes;
    segments_.begin(std::move(segment));
    return Done{};
  }

  void close_writer() {
    if (!writer_) return;
    segments_.close();
    writer_.reset();
    remove_released();
  }

  // If the segment being written holds only released records, closes it, so that it is removed.
  bool close_released_writer() {
    if (!segments_.written_one_is_released()) return false;
    close_writer();
    return true;
  }

  static AppendError explain(AppendError error) {
    error.message += ". Messages stay at the broker until this is mended.";
    return error;
  }

  void publish(std::size_t count, std::uint64_t offset) {
    segments_.extend(count, offset, writer_->bytes());
    if (interval_sync_) interval_sync_->add(writer_->file());
  }

  Result<Done, AppendError> sync_or_take_back(std::uint64_t offset) {
    try {
      writer_->file()->sync();
      return Done{};
    } catch (const std::system_error& error) {
      writer_->cut_back_to(offset);
      return fail(AppendError{AppendError::Kind::io, std::string("spool: ") + error.what()});
    }
  }

  // After a failed sync the next message is refused, so that the broker keeps it and the caller learns of the problem; the one
  // after it is tried again.
  Result<Done, AppendError> report_failed_sync() {
    const std::string failure = interval_sync_ ? interval_sync_->take_failure() : "";
    if (failure.empty()) return Done{};
    return fail(AppendError{AppendError::Kind::io, failure + ". Check the disk."});
  }

  // --- releasing -------------------------------------------------------------------------------------------------------

  void remove_released() {
    try {
      if (!segments_.any_removable()) return;
      // If a power loss restored an older mark after the segment was removed, the segment would seem to be lost.
      mark_.sync();
      for (const fs::path& path : segments_.take_removable()) {
        // The reader may still have the file open; this frees its space now.
        File(path, O_RDWR).truncate(0);
        fs::remove(path);
      }
    } catch (const std::system_error& error) {
      warn(std::string("spool: released segments can't be removed: ") + error.what());
    }
  }

  // --- the rest --------------------------------------------------------------------------------------------------------

  void tell(const Damage& damage) {
    warn(damage.message);
    records_damaged_ += std::max<std::uint64_t>(damage.records_lost, 1);
  }

  void warn(const std::string& line) const { settings_.warn ? settings_.warn(line) : warn_on_stderr(line); }

  const Settings settings_;
  const FolderLock lock_;
  const Recovered recovered_;
  ArrivalClock clock_;
  SegmentList segments_;
  std::atomic<std::uint64_t> records_damaged_ = 0;

  std::mutex reading_;
  SpoolReader reader_;

  std::mutex appending_;
  std::optional<SegmentWriter> writer_;  // made by the first append: an existing file is never written to again
  FrameEncoder encoder_;
  bool clock_is_behind_ = false;     // told
  std::uint64_t segment_bytes_ = 0;  // of the segment being written

  std::mutex releasing_;
  ReleasedMark mark_;

  std::optional<IntervalSync> interval_sync_;  // the last member: its destructor needs the others
};

Result<std::unique_ptr<Spool>, OpenError> Spool::open(Settings settings) {
  try {
    if (!fs::exists(settings.folder)) {
      fs::create_directories(settings.folder);
      fs::permissions(settings.folder, fs::perms::owner_all);
    }
    auto lock = FolderLock::take(settings.folder);
    if (!lock) return fail(explain(lock.error(), settings.folder));
    ReleasedMark mark(settings.folder);
    Recovery recovery = recover(settings.folder, mark.value());
    return std::unique_ptr<Spool>(
        new Spool(std::make_unique<Impl>(std::move(settings), std::move(*lock), std::move(mark), std::move(recovery))));
  } catch (const std::system_error& error) {
    return fail(OpenError{std::string("spool: ") + error.what() + ". Check that the folder exists and can be written to."});
  }
}

Spool::Spool(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Spool::~Spool() = default;

Result<Sequence, AppendError> Spool::append(std::string_view topic, std::string_view payload, Timestamp now) {
  const NewRecord record{topic, payload};
  Appended appended = append({&record, 1}, now);
  if (appended.error) return fail(std::move(*appended.error));
  return appended.last;
}
Spool::Appended Spool::append(std::span<const NewRecord> records, Timestamp now) { return impl_->append(records, now); }
std::optional<Record> Spool::next() { return impl_->next(); }
void Spool::release(Sequence sequence) { impl_->release(sequence); }
const Spool::Recovered& Spool::recovered() const { return impl_->recovered(); }
Spool::Statistics Spool::statistics() const { return impl_->statistics(); }
Spool::Room Spool::room() const { return impl_->room(); }

}  // namespace hermes::spool
