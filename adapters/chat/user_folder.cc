#include "adapters/chat/user_folder.h"

#include <fcntl.h>
#include <openssl/evp.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cctype>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <thread>

namespace hermes::chat {
namespace {

constexpr const char* kWhatToDo = ". The outbox needs a folder that you may write: make it yours, or set HERMES_OUTBOX_DIR to one that is";
constexpr std::size_t kMaxFileNameBytes = 200;  // file systems allow 255; some room for suffixes
constexpr std::size_t kDigestBytes = 8;

std::string environment(const char* name) {
  const char* value = std::getenv(name);
  return value ? value : "";
}

void append_hex(std::string& out, unsigned char byte) {
  char hex[3];
  std::snprintf(hex, sizeof hex, "%02x", byte);
  out += hex;
}

std::string digest_of(const std::string& text) {
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
  unsigned int size = 0;
  if (EVP_Digest(text.data(), text.size(), digest.data(), &size, EVP_sha256(), nullptr) != 1)
    throw std::runtime_error("OpenSSL cannot compute SHA-256");
  std::string hex;
  for (std::size_t i = 0; i < kDigestBytes; ++i) append_hex(hex, digest[i]);
  return hex;
}

std::string holder(int descriptor) {
  char text[32] = {};
  const ssize_t got = ::pread(descriptor, text, sizeof text - 1, 0);
  return got > 0 ? std::string(text, static_cast<std::size_t>(got)) : "unknown";
}

}  // namespace

Result<std::filesystem::path, Error> outbox_root() {
  if (const std::string folder = environment("HERMES_OUTBOX_DIR"); !folder.empty()) return std::filesystem::path(folder);
  // The specification: a relative path is invalid and is ignored.
  if (const std::string state = environment("XDG_STATE_HOME"); !state.empty() && state[0] == '/')
    return std::filesystem::path(state) / "hermes" / "outbox";
  if (const std::string home = environment("HOME"); !home.empty())
    return std::filesystem::path(home) / ".local" / "state" / "hermes" / "outbox";
  return fail(Error{"no folder for the outbox: HOME is not set. Set HERMES_OUTBOX_DIR"});
}

std::filesystem::path user_folder(const std::filesystem::path& root, const domain::UserId& user) {
  std::string name;
  for (const char c : user.str()) {
    const auto byte = static_cast<unsigned char>(c);
    // A leading dot would hide the folder, or be "." or "..".
    const bool plain = byte < 0x80 && (std::isalnum(byte) || c == '_' || c == '-' || (c == '.' && !name.empty()));
    if (plain) {
      name += c;
    } else {
      name += '%';
      append_hex(name, byte);
    }
  }
  if (name.size() > kMaxFileNameBytes) name = name.substr(0, kMaxFileNameBytes / 2) + "-" + digest_of(user.str());
  return root / name;
}

Result<std::unique_ptr<FolderLock>, FolderLock::Refused> FolderLock::take(const std::filesystem::path& folder) {
  std::error_code error;
  std::filesystem::create_directories(folder, error);
  if (error) return fail(Refused{false, "cannot make the folder " + folder.string() + ": " + error.message() + kWhatToDo});
  std::filesystem::permissions(folder, std::filesystem::perms::owner_all, error);
  if (error) return fail(Refused{false, "cannot protect the folder " + folder.string() + ": " + error.message() + kWhatToDo});

  const std::filesystem::path file = folder / "lock";
  const int descriptor = ::open(file.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (descriptor < 0) return fail(Refused{false, "cannot open " + file.string() + ": " + std::strerror(errno) + kWhatToDo});
  std::unique_ptr<FolderLock> lock(new FolderLock(descriptor));
  if (::flock(descriptor, LOCK_EX | LOCK_NB) != 0) {
    if (errno != EWOULDBLOCK) return fail(Refused{false, "cannot lock " + file.string() + ": " + std::strerror(errno) + kWhatToDo});
    return fail(Refused{true, "process " + holder(descriptor) + " holds " + folder.string()});
  }
  // For people who find the lock held; nothing relies on it.
  const std::string pid = std::to_string(::getpid());
  if (::ftruncate(descriptor, 0) != 0 || ::pwrite(descriptor, pid.data(), pid.size(), 0) < 0)
    return fail(Refused{false, "cannot write " + file.string() + ": " + std::strerror(errno) + kWhatToDo});
  return lock;
}

Result<std::unique_ptr<FolderLock>, FolderLock::Refused> FolderLock::wait_for(const std::filesystem::path& folder,
                                                                              std::chrono::milliseconds limit) {
  constexpr std::chrono::milliseconds kPoll{10};
  const auto deadline = std::chrono::steady_clock::now() + limit;
  for (;;) {
    auto lock = take(folder);
    if (lock || !lock.error().held_by_another || std::chrono::steady_clock::now() >= deadline) return lock;
    std::this_thread::sleep_for(kPoll);
  }
}

FolderLock::~FolderLock() { ::close(descriptor_); }

}  // namespace hermes::chat
