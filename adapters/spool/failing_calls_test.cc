// The spool on a disk that refuses any of its calls, and the death of its process behind it. The tests go through every case;
// none is left to chance.
#include "tests/support/failing_calls.h"

#include <gmock/gmock.h>
#include <unistd.h>

#include <cstdlib>
#include <map>
#include <set>

#include "adapters/spool/spool.h"
#include "adapters/spool/test_folder.h"

namespace hermes::spool {
namespace {

using test_support::FailingCalls;
using test_support::Fate;
using testing::IsEmpty;

// In memory where that can be had: it is the calls that fail here, and thousands of folders would keep a disk busy.
[[maybe_unused]] const bool kInMemory = ::access("/dev/shm", W_OK) == 0 && ::setenv("TMPDIR", "/dev/shm", 0) == 0;

// Which calls fail: those from `first` on whose bit is set. From `killed_at` on none has an effect, as if the process were
// gone.
struct Faults {
  unsigned first = 0;
  unsigned bits = 0;
  double written_of_failed = 0;
  bool truncations_lie = false;
  unsigned killed_at = ~0U;

  FailingCalls::Plan plan() const {
    const auto fate = [faults = *this](const FailingCalls::Call& call) {
      const bool hit = call.number >= faults.first && call.number - faults.first < 32 &&
                       ((faults.bits >> (call.number - faults.first)) & 1) != 0;
      if (call.number >= faults.killed_at || hit) return Fate::fails;
      return faults.truncations_lie && call.name == std::string_view("ftruncate") ? Fate::lies : Fate::succeeds;
    };
    return {fate, killed_at == ~0U ? written_of_failed : 0};
  }
};

std::ostream& operator<<(std::ostream& out, const Faults& faults) {
  return out << "first " << faults.first << " bits " << faults.bits << " written " << faults.written_of_failed << " lies "
             << faults.truncations_lie << " killed at " << faults.killed_at;
}

// What the one outside knows: what it was told is taken, and what it tried.
struct Told {
  std::map<Sequence, std::string> taken;
  std::set<std::string> tried;
  unsigned calls = 0;
};

constexpr unsigned kRounds = 4;
constexpr std::size_t kTogether = 3;

// Sends three messages at once, and again what was not taken, as a broker does. Each attempt is told apart by its text.
Told send_some(const Settings& settings, const Faults& faults) {
  Told told;
  const auto spool = TestFolder::open(settings);
  std::size_t sent = 0;
  const FailingCalls failing(faults.plan());
  for (unsigned round = 0; round < kRounds; ++round) {
    std::vector<std::string> payloads;
    for (std::size_t i = 0; i < kTogether; ++i) {
      payloads.push_back("message " + std::to_string(sent + i) + ", attempt " + std::to_string(round));
    }
    std::vector<NewRecord> records;
    for (const std::string& payload : payloads) records.push_back({"topic", payload});
    told.tried.insert(payloads.begin(), payloads.end());
    const Spool::Appended appended = spool->append(records, kNoon);
    for (std::size_t i = 0; i < appended.count; ++i) told.taken[appended.last - appended.count + 1 + i] = payloads[i];
    sent += appended.count;
    if (round == 1 && sent > 0) spool->release(1);
  }
  told.calls = failing.calls();
  return told;
}

// All that was taken is read, in order and once; what was tried without being taken may come behind it.
void expect_all_that_was_taken(const Spool& opened, const std::vector<Record>& read, const Told& told) {
  ASSERT_THAT(opened.recovered().damaged, IsEmpty());
  Sequence previous = read.empty() ? 1 : read.front().sequence - 1;
  ASSERT_LE(previous, 1u) << "only the first is released";
  for (const Record& record : read) {
    ASSERT_EQ(record.sequence, previous + 1);
    previous = record.sequence;
    const auto taken = told.taken.find(record.sequence);
    if (taken != told.taken.end()) {
      ASSERT_EQ(record.payload, taken->second) << "at " << record.sequence;
    } else {
      ASSERT_TRUE(told.tried.contains(record.payload)) << record.payload;
    }
  }
  const Sequence last_taken = told.taken.empty() ? 0 : told.taken.rbegin()->first;
  ASSERT_GE(previous, last_taken);
}

std::vector<Record> read_all(Spool& spool) {
  std::vector<Record> records;
  while (std::optional<Record> record = spool.next()) records.push_back(std::move(*record));
  return records;
}

void run(const Settings& settings, const Faults& faults, const Faults& faults_of_opening, unsigned* calls = nullptr) {
  std::filesystem::remove_all(settings.folder);
  Told told = send_some(settings, faults);
  if (calls != nullptr) *calls = told.calls;
  {
    const FailingCalls failing(faults_of_opening.plan());
    (void)Spool::open(settings);
  }
  const FailingCalls none_fails(Faults{}.plan());  // but what should reach the disk need not, and takes no time
  for (int start = 0; start < 2; ++start) {
    const auto spool = TestFolder::open(settings);
    const std::vector<Record> read = read_all(*spool);
    ASSERT_NO_FATAL_FAILURE(expect_all_that_was_taken(*spool, read, told));
    // And it goes on behind what is there.
    const std::string payload = "after start " + std::to_string(start);
    const Sequence sequence = append(*spool, payload);
    ASSERT_GT(sequence, read.empty() ? 0 : read.back().sequence);
    told.taken[sequence] = payload;
    told.tried.insert(payload);
  }
}

struct Disk {
  Fsync fsync;
  std::size_t segment_bytes;
};

// In the names of the tests.
void PrintTo(const Disk& disk, std::ostream* out) {
  *out << (disk.fsync == Fsync::always ? "fsync_always" : "fsync_never") << "_segments_of_" << disk.segment_bytes;
}

class SpoolWhoseCallsFail : public testing::TestWithParam<Disk> {
 protected:
  Settings settings() const {
    Settings settings = folder_.settings();
    settings.fsync = GetParam().fsync;
    settings.segment_bytes = GetParam().segment_bytes;
    return settings;
  }
  TestFolder folder_;
};

constexpr unsigned kBits = 5;  // calls in a row of which any may fail: a write, its cut, and all of beginning the next segment

TEST_P(SpoolWhoseCallsFail, LosesNothingThatWasTakenWhicheverOfThemDo) {
  unsigned calls = 0;
  ASSERT_NO_FATAL_FAILURE(run(settings(), {}, {}, &calls));
  for (const double written : {0.0, 0.5, 1.0}) {
    for (unsigned first = 0; first < calls; ++first) {
      for (unsigned bits = 1; bits < 1U << kBits; bits += 2) {  // even ones are those of the next `first`
        const Faults faults{first, bits, written};
        ASSERT_NO_FATAL_FAILURE(run(settings(), faults, {})) << faults;
      }
    }
  }
}

TEST_P(SpoolWhoseCallsFail, LosesNothingThatWasTakenWhenItIsKilledBehindThat) {
  unsigned calls = 0;
  ASSERT_NO_FATAL_FAILURE(run(settings(), {}, {}, &calls));
  for (unsigned first = 0; first < calls; ++first) {
    for (unsigned length = 0; length <= kBits; ++length) {
      for (unsigned later = 0; later < kBits; ++later) {
        const Faults faults{first, (1U << length) - 1, 0.5, false, first + length + later};
        ASSERT_NO_FATAL_FAILURE(run(settings(), faults, {})) << faults;
      }
    }
  }
}

// A truncation reaches the disk some time later than it returns: a power loss in between brings the bytes back.
TEST_P(SpoolWhoseCallsFail, LosesNothingThatWasTakenWhenACutIsUndone) {
  unsigned calls = 0;
  ASSERT_NO_FATAL_FAILURE(run(settings(), {}, {}, &calls));
  for (const double written : {0.5, 1.0}) {
    for (unsigned first = 0; first < calls; ++first) {
      for (unsigned length = 1; length <= kBits; ++length) {
        const Faults faults{first, (1U << length) - 1, written, true};
        ASSERT_NO_FATAL_FAILURE(run(settings(), faults, {})) << faults;
      }
    }
  }
}

TEST_P(SpoolWhoseCallsFail, LosesNothingThatWasTakenWhenTheNextStartFailsOrIsKilled) {
  unsigned calls = 0;
  ASSERT_NO_FATAL_FAILURE(run(settings(), {}, {}, &calls));
  for (unsigned first = 0; first < calls; ++first) {
    for (unsigned call = 0; call < 2 * kBits; ++call) {
      for (const bool killed : {false, true}) {
        const Faults faults{first, (1U << kBits) - 1, 1.0};
        const Faults of_opening = killed ? Faults{0, 0, 0, false, call} : Faults{call, 1};
        ASSERT_NO_FATAL_FAILURE(run(settings(), faults, of_opening)) << faults << ", opening: " << of_opening;
      }
    }
  }
}

INSTANTIATE_TEST_SUITE_P(EveryPolicy, SpoolWhoseCallsFail,
                         testing::Values(Disk{Fsync::never, 1 << 20}, Disk{Fsync::always, 1 << 20}, Disk{Fsync::always, 300}));

}  // namespace
}  // namespace hermes::spool
