// A file descriptor that closes itself, with reads and writes that are never partial. Errors are errno values in a
// std::system_error, whose text names the file; the caller decides which of them are expected.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>

namespace hermes::spool {

class File {
 public:
  File() = default;
  // `flags` as open(2); O_CLOEXEC is added. New files are readable by their owner alone: messages are private.
  File(const std::filesystem::path& path, int flags);
  File(File&& other) noexcept;
  File& operator=(File&& other) noexcept;
  ~File();

  bool is_open() const { return descriptor_ >= 0; }
  int descriptor() const { return descriptor_; }
  const std::filesystem::path& path() const { return path_; }

  std::uint64_t size() const;
  // Returns fewer bytes than asked only at the end of the file.
  std::size_t read_at(std::uint64_t offset, char* into, std::size_t bytes) const;
  // Writes all bytes, or throws with an unknown part written.
  void write_at(std::uint64_t offset, std::string_view bytes) const;
  void truncate(std::uint64_t bytes) const;
  // Flushes to disk the data, and the metadata needed to read it back (fdatasync).
  void sync() const;

 private:
  std::filesystem::path path_;
  int descriptor_ = -1;
};

// Makes the entries of a folder (files made, renamed, removed) durable.
void sync_folder(const std::filesystem::path& folder);

}  // namespace hermes::spool
