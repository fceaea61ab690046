#include "adapters/spool/spool.h"

#include <fcntl.h>

#include <algorithm>
#include <condition_variable>
#include <cstdio>
#include <deque>
#include <mutex>
#include <system_error>
#include <thread>
#include <utility>

#include "adapters/spool/folder_lock.h"
#include "adapters/spool/recovery.h"
#include "adapters/spool/released_mark.h"
#include "adapters/spool/segment_format.h"
#include "adapters/spool/segment_reader.h"
#include "adapters/spool/segment_writer.h"

namespace hermes::spool {
namespace {

namespace fs = std::filesystem;

// Segments removed one by one are how space comes back before everything is released.
constexpr std::size_t kSegmentsMin = 4;
// Not for the sake of a disk that others have filled.
constexpr std::uint64_t kSegmentBytesMin = 64u << 10;

void warn_on_stderr(const std::string& line) { std::fprintf(stderr, "hermes: %s\n", line.c_str()); }

}  // namespace

// Locks, taken in this order: reading_, appending_, releasing_, state_. state_ is held for moments only and never over I/O, so
// an append waits neither for a read nor for a release.
class Spool::Impl {
 public:
  Impl(Settings settings, FolderLock lock, ReleasedMark mark, Recovery recovery)
      : settings_(std::move(settings)),
        lock_(std::move(lock)),
        mark_(std::move(mark)),
        recovered_(std::move(recovery.report)),
        segments_(std::make_move_iterator(recovery.segments.begin()), std::make_move_iterator(recovery.segments.end())),
        last_(recovery.last),
        released_(mark_.value()),
        marked_(released_),
        read_(released_) {
    for (const Segment& segment : segments_) bytes_ += segment.bytes;
    for (const Damage& damage : recovered_.damaged) tell(damage);
    if (settings_.fsync == Fsync::interval) {
      syncing_ = std::jthread([this](const std::stop_token& stop) { sync_at_intervals(stop); });
    }
  }

  ~Impl() {
    if (syncing_.joinable()) {
      syncing_.request_stop();
      syncing_.join();
    }
    if (settings_.fsync == Fsync::interval) sync_dirty();
  }

  Result<Sequence, AppendError> append(std::string_view topic, std::string_view payload, domain::Timestamp received_at) {
    const std::lock_guard appending(appending_);
    if (Result<Done, AppendError> synced = report_failed_sync(); !synced) return fail(synced.error());
    const std::size_t frame_bytes = kFrameHeaderBytes + kBodyBytesMin + topic.size() + payload.size();
    const Sequence sequence = last_ + 1;
    for (;;) {
      if (Result<Done, AppendError> ready = make_room(frame_bytes); !ready) return fail(ready.error());
      const std::uint64_t offset = writer_->bytes();
      Result<Done, AppendError> written =
          writer_->append(encoder_.encode(writer_->salt(), sequence, received_at, topic, payload));
      if (written && settings_.fsync == Fsync::always) written = sync_or_take_back(offset);
      if (written) {
        publish(sequence, offset);
        return sequence;
      }
      // On a full disk the segment being written may be what fills it. It is closed in any case: then it goes as soon as its
      // records are released, without another append.
      if (!close_released_writer()) {
        close_writer();
        return fail(explain(written.error()));
      }
    }
  }

  std::optional<Record> next() {
    const std::lock_guard reading(reading_);
    for (;;) {
      if (!reader_ && !open_next_segment()) return std::nullopt;
      SegmentReader::Item item = reader_->next(readable_bytes_);
      if (auto* record = std::get_if<Record>(&item)) {
        if (record->sequence <= read_) continue;
        report_gap(record->sequence);
        read_ = record->sequence;
        return std::move(*record);
      }
      if (const auto* unreadable = std::get_if<SegmentReader::Unreadable>(&item)) {
        unreadable_.push_back(*unreadable);
      } else if (!more_to_read()) {
        return std::nullopt;
      }
    }
  }

  void release(Sequence sequence) {
    const std::lock_guard releasing(releasing_);
    {
      const std::lock_guard state(state_);
      if (sequence <= released_) return;
      released_ = sequence;
    }
    try {
      mark_.write(sequence);
      const std::lock_guard state(state_);
      marked_ = sequence;
    } catch (const std::system_error& error) {
      warn(std::string("spool: what was released can't be marked: ") + error.what());  // the next release tries again
    }
    remove_released();
  }

  const Recovered& recovered() const { return recovered_; }

  Room room() const {
    std::error_code unknown;
    const fs::space_info disk = fs::space(settings_.folder, unknown);
    const std::lock_guard state(state_);
    const std::uint64_t max_bytes = settings_.max_bytes;
    const std::uint64_t whole = unknown ? max_bytes : std::min<std::uint64_t>(max_bytes, bytes_ + disk.available);
    return {whole - std::min(whole, bytes_), whole};
  }

  Statistics statistics() const {
    Statistics statistics;
    std::optional<Segment> oldest;
    Sequence first = 0;
    {
      const std::lock_guard state(state_);
      statistics.bytes = bytes_;
      statistics.records = last_ - released_;
      statistics.records_damaged = records_damaged_;
      first = released_ + 1;
      for (const Segment& segment : segments_) {
        if (segment.last >= first) {
          oldest = segment;
          break;
        }
      }
    }
    if (oldest) statistics.oldest = received_at_of(first, *oldest);
    return statistics;
  }

 private:
  // --- appending -------------------------------------------------------------------------------------------------------

  Result<Done, AppendError> make_room(std::size_t frame_bytes) {
    if (!fits(frame_bytes)) close_released_writer();
    if (!fits(frame_bytes)) {
      return fail(AppendError{AppendError::Kind::full, "spool: " + settings_.folder.string() + " is full (" +
                                                           std::to_string(settings_.max_bytes) +
                                                           " bytes). It drains when the database takes messages again."});
    }
    const bool begins = writer_ && writer_->bytes() == kSegmentHeaderBytes;  // a record larger than a segment has one alone
    if (writer_ && writer_->usable() && (begins || writer_->bytes() + frame_bytes <= segment_bytes_)) return Done{};
    return begin_segment();
  }

  bool fits(std::size_t frame_bytes) const {
    const std::lock_guard state(state_);
    return bytes_ + frame_bytes + kSegmentHeaderBytes <= settings_.max_bytes;
  }

  std::uint64_t segment_bytes_now() const {
    const std::uint64_t of_disk = std::max(room().whole / kSegmentsMin, kSegmentBytesMin);
    return std::min<std::uint64_t>({settings_.segment_bytes, settings_.max_bytes / kSegmentsMin, of_disk});
  }

  Result<Done, AppendError> begin_segment() {
    close_writer();
    segment_bytes_ = segment_bytes_now();
    Result<SegmentWriter, AppendError> made =
        SegmentWriter::create(settings_.folder, last_ + 1, settings_.fsync != Fsync::never);
    if (!made) return fail(explain(made.error()));
    writer_.emplace(std::move(*made));
    Segment segment;
    segment.path = writer_->file()->path();
    segment.first = last_ + 1;
    segment.last = last_;
    segment.bytes = kSegmentHeaderBytes;
    const std::lock_guard state(state_);
    segments_.push_back(std::move(segment));
    bytes_ += kSegmentHeaderBytes;
    writing_ = true;
    return Done{};
  }

  void close_writer() {
    if (!writer_) return;
    {
      const std::lock_guard state(state_);
      writing_ = false;
      // Nothing was ever appended to it: the next segment takes its name.
      if (segments_.back().last < segments_.back().first) {
        bytes_ -= segments_.back().bytes;
        segments_.pop_back();
      }
    }
    writer_.reset();
    remove_released();
  }

  // The segment being written may hold nothing but released records: then it is closed, and so removed.
  bool close_released_writer() {
    {
      const std::lock_guard state(state_);
      if (!writer_ || segments_.back().last > marked_ || segments_.back().last < segments_.back().first) return false;
    }
    close_writer();
    return true;
  }

  static AppendError explain(AppendError error) {
    error.message += ". Messages stay at the broker until this is mended.";
    return error;
  }

  void publish(Sequence sequence, std::uint64_t offset) {
    const std::lock_guard state(state_);
    Segment& segment = segments_.back();
    if (segment.landmarks.empty() || sequence >= segment.landmarks.back().sequence + kLandmarkEvery) {
      segment.landmarks.push_back({sequence, offset});
    }
    bytes_ += writer_->bytes() - segment.bytes;
    segment.bytes = writer_->bytes();
    segment.last = sequence;
    last_ = sequence;
    if (settings_.fsync == Fsync::interval && (dirty_.empty() || dirty_.back() != writer_->file())) {
      dirty_.push_back(writer_->file());
    }
  }

  // --- syncing ---------------------------------------------------------------------------------------------------------

  Result<Done, AppendError> sync_or_take_back(std::uint64_t offset) {
    try {
      writer_->file()->sync();
      return Done{};
    } catch (const std::system_error& error) {
      writer_->cut_back_to(offset);
      return fail(AppendError{AppendError::Kind::io, std::string("spool: ") + error.what()});
    }
  }

  void sync_at_intervals(const std::stop_token& stop) {
    std::unique_lock waiting(sync_waiting_);
    std::condition_variable_any stopped;
    while (!stopped.wait_for(waiting, stop, settings_.fsync_interval, [&] { return stop.stop_requested(); })) sync_dirty();
  }

  void sync_dirty() {
    std::vector<std::shared_ptr<const File>> dirty;
    {
      const std::lock_guard state(state_);
      dirty.swap(dirty_);
    }
    for (const std::shared_ptr<const File>& file : dirty) {
      try {
        file->sync();
      } catch (const std::system_error& error) {
        const std::string line =
            std::string("spool: ") + error.what() + ": records of the last interval would not survive a power loss";
        warn(line);
        const std::lock_guard state(state_);
        failed_sync_ = line;
      }
    }
  }

  // The kernel tells a failed write-back once. The next message is then refused, so that the broker keeps it and its client
  // learns that something is wrong, and the one after it is tried again.
  Result<Done, AppendError> report_failed_sync() {
    std::string line;
    {
      const std::lock_guard state(state_);
      if (failed_sync_.empty()) return Done{};
      line.swap(failed_sync_);
    }
    return fail(AppendError{AppendError::Kind::io, line + ". Check the disk."});
  }

  // --- reading ---------------------------------------------------------------------------------------------------------

  // Opens the first segment with a record after read_.
  bool open_next_segment() {
    std::optional<Segment> found;
    {
      const std::lock_guard state(state_);
      read_ = std::max(read_, released_);
      for (const Segment& segment : segments_) {
        if (segment.last > read_) {
          found = segment;
          break;
        }
      }
    }
    if (!found) return false;
    reader_ = SegmentReader::open(found->path);
    if (!reader_) {
      throw std::system_error(std::make_error_code(std::errc::io_error),
                              "the header of " + found->path.string() + " was spoilt while the spool was open");
    }
    const auto landmark = std::partition_point(found->landmarks.begin(), found->landmarks.end(),
                                               [&](const Landmark& mark) { return mark.sequence <= read_ + 1; });
    if (landmark != found->landmarks.begin()) reader_->seek(std::prev(landmark)->offset, std::prev(landmark)->sequence - 1);
    reading_segment_ = found->first;
    readable_bytes_ = found->bytes;
    return true;
  }

  // At the end of what was known of the segment: learns whether it has grown, or goes on to the next one.
  bool more_to_read() {
    Sequence last = 0;  // of the segment, when it is closed
    {
      const std::lock_guard state(state_);
      for (const Segment& segment : segments_) {
        if (segment.first != reading_segment_) continue;
        if (segment.bytes > readable_bytes_) {
          readable_bytes_ = segment.bytes;
          return true;
        }
        last = segment.last;
      }
      if (segments_.empty() || segments_.back().last <= read_) return false;
    }
    if (last > read_) {
      report_gap(last + 1);
      read_ = last;
    }
    unreadable_.clear();
    reader_.reset();
    return true;
  }

  // Damage met here came after the spool was opened, or was told by open already. As in recovery.h, it is damage when a
  // sequence is missing.
  void report_gap(Sequence following) {
    if (unreadable_.empty()) return;
    const std::uint64_t lost = following - read_ - 1;
    const fs::path path = settings_.folder / segment_name(reading_segment_);
    for (const SegmentReader::Unreadable& bytes : unreadable_) {
      const bool known = std::any_of(recovered_.damaged.begin(), recovered_.damaged.end(), [&](const Damage& damage) {
        return damage.segment == path && damage.offset == bytes.offset;
      });
      if (lost == 0 || known) continue;
      const fs::path aside = keep_aside(path, bytes.offset, bytes.bytes);
      tell({path, bytes.offset, bytes.bytes, &bytes == &unreadable_.front() ? lost : 0, aside,
            "spool: " + std::to_string(lost) + " records can't be read: " + std::to_string(bytes.bytes) +
                " damaged bytes at offset " + std::to_string(bytes.offset) + " of " + path.string() + ", kept in " +
                aside.string() + ". Check the disk."});
    }
    unreadable_.clear();
  }

  // --- the rest --------------------------------------------------------------------------------------------------------

  static std::optional<domain::Timestamp> received_at_of(Sequence sequence, const Segment& segment) {
    try {
      std::optional<SegmentReader> reader = SegmentReader::open(segment.path);
      if (!reader) return std::nullopt;
      const auto landmark = std::partition_point(segment.landmarks.begin(), segment.landmarks.end(),
                                                 [&](const Landmark& mark) { return mark.sequence <= sequence; });
      if (landmark != segment.landmarks.begin()) reader->seek(std::prev(landmark)->offset, std::prev(landmark)->sequence - 1);
      for (;;) {
        SegmentReader::Item item = reader->next(segment.bytes);
        if (std::holds_alternative<SegmentReader::End>(item)) return std::nullopt;
        if (const auto* record = std::get_if<Record>(&item); record != nullptr && record->sequence >= sequence) {
          return record->received_at;
        }
      }
    } catch (const std::system_error&) {
      return std::nullopt;  // released and removed between the two steps
    }
  }

  // Requires: state_ is held.
  bool front_is_released() const {
    const bool writing_it = segments_.size() == 1 && writing_;
    return !segments_.empty() && segments_.front().last <= marked_ && !writing_it;
  }

  void remove_released() {
    std::vector<fs::path> removable;
    try {
      {
        const std::lock_guard state(state_);
        if (!front_is_released()) return;
      }
      // A mark that a power loss takes back, beside a segment that is gone, would look like a lost segment.
      mark_.sync();
      {
        const std::lock_guard state(state_);
        while (front_is_released()) {
          removable.push_back(std::move(segments_.front().path));
          bytes_ -= segments_.front().bytes;
          segments_.pop_front();
        }
      }
      for (const fs::path& path : removable) {
        // The reader may still have the file open; its space comes back now.
        File(path, O_RDWR).truncate(0);
        fs::remove(path);
      }
    } catch (const std::system_error& error) {
      warn(std::string("spool: released segments can't be removed: ") + error.what());
    }
  }

  void tell(const Damage& damage) {
    warn(damage.message);
    const std::lock_guard state(state_);
    records_damaged_ += std::max<std::uint64_t>(damage.records_lost, 1);
  }

  void warn(const std::string& line) const { settings_.warn ? settings_.warn(line) : warn_on_stderr(line); }

  const Settings settings_;
  const FolderLock lock_;

  std::mutex appending_;
  std::optional<SegmentWriter> writer_;  // made by the first append: a file that was there before is never written to again
  FrameEncoder encoder_;
  std::uint64_t segment_bytes_ = 0;  // of the segment being written

  std::mutex reading_;
  std::optional<SegmentReader> reader_;
  std::vector<SegmentReader::Unreadable> unreadable_;  // met, until the next record tells whether anything is missing
  Sequence reading_segment_ = 0;
  std::uint64_t readable_bytes_ = 0;

  std::mutex releasing_;
  ReleasedMark mark_;

  mutable std::mutex state_;
  const Recovered recovered_;
  std::deque<Segment> segments_;
  bool writing_ = false;  // the last of them is being written
  std::uint64_t bytes_ = 0;
  Sequence last_;
  Sequence released_;
  Sequence marked_;  // what a restart will know of it
  Sequence read_;    // guarded by reading_
  std::uint64_t records_damaged_ = 0;
  std::vector<std::shared_ptr<const File>> dirty_;
  std::string failed_sync_;

  std::mutex sync_waiting_;
  std::jthread syncing_;
};

Result<std::unique_ptr<Spool>, OpenError> Spool::open(Settings settings) {
  try {
    if (!fs::exists(settings.folder)) {
      fs::create_directories(settings.folder);
      fs::permissions(settings.folder, fs::perms::owner_all);
    }
    Result<FolderLock, OpenError> lock = FolderLock::take(settings.folder);
    if (!lock) return fail(lock.error());
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

Result<Sequence, AppendError> Spool::append(std::string_view topic, std::string_view payload, domain::Timestamp received_at) {
  return impl_->append(topic, payload, received_at);
}
std::optional<Record> Spool::next() { return impl_->next(); }
void Spool::release(Sequence sequence) { impl_->release(sequence); }
const Spool::Recovered& Spool::recovered() const { return impl_->recovered(); }
Spool::Statistics Spool::statistics() const { return impl_->statistics(); }
Spool::Room Spool::room() const { return impl_->room(); }

}  // namespace hermes::spool
