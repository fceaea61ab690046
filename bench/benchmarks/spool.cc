// hermes-bench spool: the spool's whole life of a 250-byte message (append, read back, release by batches of 1,000), against
// one bare write(2) of as many bytes each. One thread, so that the time is the work and not the hand-over.
#include "adapters/spool/spool.h"

#include <fcntl.h>

#include <chrono>
#include <stdexcept>
#include <string>

#include "adapters/spool/file.h"
#include "bench/benchmarks/benchmarks.h"
#include "tests/servers/temporary_folder.h"

namespace hermes::bench {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::string_view kTopic = "chat/messages/peer-42";
constexpr std::size_t kPayloadBytes = 250;
constexpr std::size_t kFrameBytes = 40 + kTopic.size() + kPayloadBytes;  // docs/spool-format.md
constexpr std::uint64_t kReleaseEvery = 1000;

double seconds_since(Clock::time_point start) { return std::chrono::duration<double>(Clock::now() - start).count(); }

double write_bare(const std::filesystem::path& file, std::uint64_t count) {
  const spool::File out(file, O_WRONLY | O_CREAT | O_TRUNC);
  const std::string bytes(kFrameBytes, 'x');
  const Clock::time_point start = Clock::now();
  for (std::uint64_t i = 0; i < count; ++i) out.write_at(i * kFrameBytes, bytes);
  return seconds_since(start);
}

struct SpoolTimes {
  double append_s = 0;
  double read_s = 0;
};

SpoolTimes through_spool(const std::filesystem::path& folder, std::uint64_t count) {
  spool::Settings settings;
  settings.folder = folder;
  auto opened = spool::Spool::open(settings);
  if (!opened) throw std::runtime_error(opened.error().message);
  spool::Spool& spool = **opened;
  const std::string payload(kPayloadBytes, 'x');
  SpoolTimes times;
  for (std::uint64_t done = 0; done < count; done += kReleaseEvery) {
    Clock::time_point start = Clock::now();
    for (std::uint64_t i = 0; i < kReleaseEvery; ++i) {
      if (auto appended = spool.append(kTopic, payload, {}); !appended) throw std::runtime_error(appended.error().message);
    }
    times.append_s += seconds_since(start);
    start = Clock::now();
    spool::Sequence last = 0;
    while (const auto record = spool.next()) last = record->sequence;
    spool.release(last);
    times.read_s += seconds_since(start);
  }
  return times;
}

}  // namespace

BenchResult spool_path(const Options& options) {
  const std::uint64_t count = options.count.value_or(500'000) / kReleaseEvery * kReleaseEvery;
  const private_servers::TemporaryFolder folder("hermes-bench-spool");
  BenchResult result;
  result.name = "spool";
  result.unit = "messages";
  result.ours_is = "append, read back and release, fsync=interval";
  result.ceiling_is = "one bare write(2) of the same size each";
  const double messages = static_cast<double>(count);
  result.pairs = run_pairs([&] { return Measurement{.per_s = messages / write_bare(folder / "bare", count)}; },
                           [&] {
                             const SpoolTimes times = through_spool(folder / "spool", count);
                             return Measurement{.per_s = messages / (times.append_s + times.read_s),
                                                .details = {{"append_us", times.append_s * 1e6 / messages},
                                                            {"read_and_release_us", times.read_s * 1e6 / messages}}};
                           },
                           options.pairs);
  return result;
}

}  // namespace hermes::bench
