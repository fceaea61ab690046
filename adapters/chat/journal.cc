#include "adapters/chat/journal.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <boost/crc.hpp>
#include <cerrno>
#include <charconv>
#include <cstdio>
#include <cstring>
#include <optional>
#include <utility>

namespace hermes::chat {
namespace {

constexpr std::size_t kCrcDigits = 8;

Failure<Error> failure(const std::string& what, const std::filesystem::path& file) {
  return fail(Error{what + " " + file.string() + ": " + std::strerror(errno)});
}

std::uint32_t crc32(std::string_view bytes) {
  boost::crc_32_type crc;
  crc.process_bytes(bytes.data(), bytes.size());
  return crc.checksum();
}

std::string framed(std::string_view json) {
  char crc[kCrcDigits + 1];
  std::snprintf(crc, sizeof crc, "%08x", crc32(json));
  std::string line;
  line.reserve(kCrcDigits + 1 + json.size() + 1);
  return line.append(crc).append(" ").append(json).append("\n");
}

// The record in a line without its newline, if it is whole.
std::optional<std::string_view> unframed(std::string_view line) {
  if (line.size() < kCrcDigits + 1 || line[kCrcDigits] != ' ') return std::nullopt;
  std::uint32_t expected = 0;
  const char* end = line.data() + kCrcDigits;
  if (std::from_chars(line.data(), end, expected, 16).ptr != end) return std::nullopt;
  const std::string_view json = line.substr(kCrcDigits + 1);
  if (crc32(json) != expected) return std::nullopt;
  return json;
}

bool write_all(int descriptor, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t written = ::write(descriptor, bytes.data(), bytes.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return false;
    bytes.remove_prefix(static_cast<std::size_t>(written));
  }
  return true;
}

bool read_all(int descriptor, std::string& out) {
  char buffer[64 * 1024];
  for (;;) {
    const ssize_t got = ::read(descriptor, buffer, sizeof buffer);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return false;
    if (got == 0) return true;
    out.append(buffer, static_cast<std::size_t>(got));
  }
}

// A new or renamed file is durable once its folder is.
bool sync_folder_of(const std::filesystem::path& file) {
  const int folder = ::open(file.parent_path().c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (folder < 0) return false;
  const bool synced = ::fsync(folder) == 0;
  ::close(folder);
  return synced;
}

}  // namespace

Result<std::unique_ptr<Journal>, Error> Journal::open(std::filesystem::path file,
                                                      const std::function<void(std::string_view json)>& replay) {
  const int descriptor = ::open(file.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (descriptor < 0) return failure("cannot open", file);
  std::unique_ptr<Journal> journal(new Journal(file, descriptor));
  if (!sync_folder_of(file)) return failure("cannot sync the folder of", file);

  std::string content;
  if (!read_all(descriptor, content)) return failure("cannot read", file);
  std::size_t at = 0;
  for (std::size_t newline; (newline = content.find('\n', at)) != std::string::npos; at = newline + 1) {
    const auto json = unframed(std::string_view(content).substr(at, newline - at));
    json ? replay(*json) : void(++journal->damaged_);
  }
  journal->bytes_ = at;
  if (journal->damaged_ > 0) {
    std::error_code error;
    std::filesystem::copy_file(file, file.string() + ".damaged", std::filesystem::copy_options::overwrite_existing, error);
    if (error) return fail(Error{"cannot keep a copy of the damaged " + file.string() + ": " + error.message()});
  }
  // The torn tail: what stands after the last newline was never said to be stored.
  if (::ftruncate(descriptor, static_cast<off_t>(at)) != 0) return failure("cannot cut", file);
  if (::lseek(descriptor, 0, SEEK_END) < 0) return failure("cannot seek in", file);
  return journal;
}

void Journal::read(const std::filesystem::path& file, const std::function<void(std::string_view json)>& replay) {
  const int descriptor = ::open(file.c_str(), O_RDONLY | O_CLOEXEC);
  if (descriptor < 0) return;
  std::string content;
  const bool whole = read_all(descriptor, content);
  ::close(descriptor);
  if (!whole) return;
  std::size_t at = 0;
  for (std::size_t newline; (newline = content.find('\n', at)) != std::string::npos; at = newline + 1) {
    if (const auto json = unframed(std::string_view(content).substr(at, newline - at))) replay(*json);
  }
}

Journal::~Journal() { ::close(descriptor_); }

Result<Done, Error> Journal::append(std::string_view json, Durability durability) {
  const std::string line = framed(json);
  const bool stored = write_all(descriptor_, line) && (durability == Durability::process || ::fdatasync(descriptor_) == 0);
  if (!stored) {
    const auto told = failure("cannot write", file_);
    // Take back what may have been written: a later append must not follow half a line.
    if (::ftruncate(descriptor_, static_cast<off_t>(bytes_)) != 0 || ::lseek(descriptor_, 0, SEEK_END) < 0)
      return failure("cannot write, and cannot undo half a write in", file_);
    return told;
  }
  bytes_ += line.size();
  return Done{};
}

Result<Done, Error> Journal::rewrite(const std::vector<std::string>& records) {
  const std::filesystem::path fresh = file_.string() + ".new";
  const int descriptor = ::open(fresh.c_str(), O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  if (descriptor < 0) return failure("cannot open", fresh);
  std::string content;
  for (const std::string& json : records) content += framed(json);
  if (!write_all(descriptor, content) || ::fsync(descriptor) != 0 || ::rename(fresh.c_str(), file_.c_str()) != 0) {
    const auto told = failure("cannot write", fresh);
    ::close(descriptor);
    ::unlink(fresh.c_str());
    return told;
  }
  ::close(std::exchange(descriptor_, descriptor));
  bytes_ = content.size();
  if (!sync_folder_of(file_)) return failure("cannot sync the folder of", file_);
  return Done{};
}

}  // namespace hermes::chat
