// The spool on a folder that holds anything: it opens or says why not, gives back the same records each time, loses none that
// is sound, and takes new ones. The input is a segment file. Its first byte chooses what is made right again before, so that
// mutations reach past the checksums: the header (bit 0), and the CRC of every frame (bit 1).
#include <unistd.h>
#include <zlib.h>

#include <cstring>
#include <filesystem>
#include <fstream>

#include "adapters/spool/segment_format.h"
#include "adapters/spool/spool.h"
#include "tests/fuzz/fuzz_target.h"

namespace hermes::fuzz {
namespace {

namespace fs = std::filesystem;
using namespace hermes::spool;

constexpr std::uint32_t kSalt = 42;
constexpr char kRightHeader = 1;
constexpr char kRightFrames = 2;

void store(std::string& bytes, std::size_t at, std::uint32_t value) { std::memcpy(bytes.data() + at, &value, sizeof value); }

void make_frames_right(std::string& bytes) {
  for (std::size_t at = kSegmentHeaderBytes; at + kFrameHeaderBytes <= bytes.size();) {
    const auto claimed = claimed_frame_bytes(std::string_view(bytes).substr(at));
    if (!claimed || *claimed > bytes.size() - at) return;
    const auto* data = reinterpret_cast<const Bytef*>(bytes.data()) + at;
    const uLong crc =
        ::crc32(::crc32(kSalt, data, 4), data + kFrameHeaderBytes, static_cast<uInt>(*claimed - kFrameHeaderBytes));
    store(bytes, at + 4, static_cast<std::uint32_t>(crc));
    at += *claimed;
  }
}

// One for the process, in memory where there is such a place: the disk would be all that is measured.
class Folder {
 public:
  Folder() {
    std::string pattern =
        fs::exists("/dev/shm") ? "/dev/shm/hermes-fuzz-XXXXXX" : (fs::temp_directory_path() / "hermes-fuzz-XXXXXX").string();
    path_ = ::mkdtemp(pattern.data());
  }
  ~Folder() { fs::remove_all(path_); }
  const fs::path& emptied() const {
    for (const auto& entry : fs::directory_iterator(path_)) fs::remove(entry.path());
    return path_;
  }

 private:
  fs::path path_;
};

std::unique_ptr<Spool> open(const fs::path& folder) {
  Settings settings;
  settings.folder = folder;
  settings.fsync = Fsync::never;
  settings.warn = [](const std::string& line) { require(!line.empty(), "a warning says something"); };
  auto spool = Spool::open(settings);
  require(spool.ok(), "whatever the segment holds, the spool opens");
  return std::move(*spool);
}

std::vector<Record> read_all(Spool& spool) {
  std::vector<Record> records;
  while (auto record = spool.next()) {
    require(records.empty() || record->sequence > records.back().sequence, "sequences rise");
    records.push_back(std::move(*record));
  }
  return records;
}

void open_and_read(std::string input) {
  if (input.empty()) return;
  const char choice = input[0];
  std::string segment = input.substr(1);
  if ((choice & kRightHeader) != 0 && segment.size() >= kSegmentHeaderBytes) {
    segment.replace(0, kSegmentHeaderBytes, encode_header({1, kSalt}));
  }
  if ((choice & kRightFrames) != 0) make_frames_right(segment);

  static const Folder folder;
  const fs::path& path = folder.emptied();
  std::ofstream(path / segment_name(1), std::ios::binary) << segment;

  std::vector<Record> first;
  {
    const auto spool = open(path);
    first = read_all(*spool);
    require(spool->recovered().records == first.size(), "open has counted what is read");
  }
  const auto spool = open(path);
  const std::vector<Record> second = read_all(*spool);
  require(first.size() == second.size(), "opening it again changes nothing");
  for (std::size_t i = 0; i < first.size(); ++i) {
    require(first[i].sequence == second[i].sequence && first[i].payload == second[i].payload, "nor any record");
  }
  const auto sequence = spool->append("topic", "new", Timestamp{});
  require(sequence.ok() && (second.empty() || *sequence > second.back().sequence), "it takes a new record");
  const auto record = spool->next();
  require(record && record->payload == "new" && record->sequence == *sequence, "and gives it back");
}

}  // namespace

Seeds seeds() {
  FrameEncoder encoder;
  std::string segment = encode_header({1, kSalt});
  Seeds all;
  for (Sequence sequence = 1; sequence <= 5; ++sequence) {
    segment += encoder.encode(kSalt, sequence, Timestamp{}, "chat/messages/david", std::string(sequence * 7, 'p'));
    for (const char choice : {char{0}, kRightHeader, static_cast<char>(kRightHeader | kRightFrames)})
      all.inputs.push_back(choice + segment);
  }
  all.words = {std::string(8, '\0'),
               std::string(8, '\xff'),
               std::string("\x20\0\0\0", 4),
               std::string("\x01\0\0\0\0\0\0\0", 8),
               std::string(encoder.encode(kSalt, 3, Timestamp{}, "t", "p")),
               std::string(encoder.encode(kSalt, ~Sequence{0}, Timestamp{}, "t", "p"))};
  return all;
}

}  // namespace hermes::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  hermes::fuzz::open_and_read({reinterpret_cast<const char*>(data), size});
  return 0;
}
