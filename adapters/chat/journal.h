// A small append-only file of JSON records, one a line, each with its CRC-32: what the outbox and the inbox are kept in.
// docs/chat.md specifies the files.
//
//   3f2a91c0 {"record":"message",...}\n
//
// A process killed at any instruction leaves at most one torn line at the end; opening cuts it. A damaged line elsewhere (a bad
// disk) is left out, counted, and the file is kept beside as NAME.damaged. Not thread-safe.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "adapters/chat/error.h"
#include "base/result.h"

namespace hermes::chat {

class Journal {
 public:
  enum class Durability {
    process,  // survives a kill of the process
    power     // survives a power loss: fsync before it returns
  };

  // Opens or makes the file (mode 600) and gives each good record to `replay`, in order.
  static Result<std::unique_ptr<Journal>, Error> open(std::filesystem::path file,
                                                      const std::function<void(std::string_view json)>& replay);
  // The good records of a file that another process may be writing: nothing is changed. None if it cannot be read.
  static void read(const std::filesystem::path& file, const std::function<void(std::string_view json)>& replay);
  ~Journal();
  Journal(const Journal&) = delete;
  Journal& operator=(const Journal&) = delete;

  // All or nothing: on failure (a full disk) the file is as it was. Requires: `json` holds no newline.
  Result<Done, Error> append(std::string_view json, Durability durability);

  // Replaces everything by `records`, in one step: a kill leaves the old file or the new one.
  Result<Done, Error> rewrite(const std::vector<std::string>& records);

  std::uint64_t bytes() const { return bytes_; }
  std::size_t damaged_records() const { return damaged_; }

 private:
  Journal(std::filesystem::path file, int descriptor) : file_(std::move(file)), descriptor_(descriptor) {}

  std::filesystem::path file_;
  int descriptor_;
  std::uint64_t bytes_ = 0;
  std::size_t damaged_ = 0;
};

}  // namespace hermes::chat
