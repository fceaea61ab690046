// For the spool's tests: a folder that goes away with the test, its spool, and its bytes.
#pragma once

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "adapters/spool/spool.h"

namespace hermes::spool {

inline constexpr Timestamp kNoon{std::chrono::microseconds(1'800'000'000'000'000)};

class TestFolder {
 public:
  TestFolder() {
    std::string pattern = (std::filesystem::temp_directory_path() / "hermes-spool-XXXXXX").string();
    path_ = ::mkdtemp(pattern.data());
  }
  ~TestFolder() { std::filesystem::remove_all(path_); }
  TestFolder(const TestFolder&) = delete;
  TestFolder& operator=(const TestFolder&) = delete;

  const std::filesystem::path& path() const { return path_; }

  Settings settings() const {
    Settings settings;
    settings.folder = path_ / "spool";
    settings.fsync = Fsync::never;
    settings.warn = [warnings = warnings_](const std::string& line) { warnings->push_back(line); };
    return settings;
  }
  std::unique_ptr<Spool> open() const { return open(settings()); }
  static std::unique_ptr<Spool> open(Settings settings) {
    Result<std::unique_ptr<Spool>, OpenError> spool = Spool::open(std::move(settings));
    if (!spool) throw std::runtime_error(spool.error().message);
    return std::move(*spool);
  }
  const std::vector<std::string>& warnings() const { return *warnings_; }

  std::vector<std::filesystem::path> files(const std::string& extension) const {
    std::vector<std::filesystem::path> found;
    for (const auto& entry : std::filesystem::directory_iterator(path_ / "spool")) {
      if (entry.path().extension() == extension) found.push_back(entry.path());
    }
    std::sort(found.begin(), found.end());
    return found;
  }

 private:
  std::filesystem::path path_;
  std::shared_ptr<std::vector<std::string>> warnings_ = std::make_shared<std::vector<std::string>>();
};

inline std::string bytes_of(const std::filesystem::path& file) {
  std::ifstream stream(file, std::ios::binary);
  return {std::istreambuf_iterator<char>(stream), {}};
}

inline void write_bytes(const std::filesystem::path& file, const std::string& bytes) {
  std::ofstream(file, std::ios::binary | std::ios::trunc) << bytes;
}

inline Sequence append(Spool& spool, const std::string& payload) {
  const Result<Sequence, AppendError> sequence = spool.append("chat/messages/david", payload, kNoon);
  if (!sequence) throw std::runtime_error(sequence.error().message);
  return *sequence;
}

inline std::vector<std::string> read_payloads(Spool& spool) {
  std::vector<std::string> payloads;
  while (std::optional<Record> record = spool.next()) payloads.push_back(record->payload);
  return payloads;
}

}  // namespace hermes::spool
