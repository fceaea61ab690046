#include "adapters/chat/store/user_folder.h"

#include <fcntl.h>
#include <openssl/evp.h>
#include <unistd.h>

#include <array>
#include <cctype>
#include <cstdio>
#include <cstdlib>
#include <stdexcept>
#include <utility>

namespace hermes::chat {
namespace {

constexpr const char* kWhatToDo =
    ". The outbox needs a folder that you may write: make it yours, or set HERMES_OUTBOX_DIR to one that is";
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

namespace {

FolderLock::Refused with_what_to_do(FolderLock::Refused refused) {
  if (!refused.held_by_another) refused.problem += kWhatToDo;
  return refused;
}

}  // namespace

Result<Done, FolderLock::Refused> make_folder(const std::filesystem::path& folder) {
  std::error_code error;
  std::filesystem::create_directories(folder, error);
  if (error) return fail(with_what_to_do({false, "cannot make the folder " + folder.string() + ": " + error.message()}));
  std::filesystem::permissions(folder, std::filesystem::perms::owner_all, error);
  if (error) return fail(with_what_to_do({false, "cannot protect the folder " + folder.string() + ": " + error.message()}));
  return Done{};
}

bool sync_folder(const std::filesystem::path& folder) {
  const int descriptor = ::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (descriptor < 0) return false;
  const bool synced = ::fsync(descriptor) == 0;
  ::close(descriptor);
  return synced;
}

Result<FolderLock, FolderLock::Refused> lock_folder(const std::filesystem::path& folder) {
  if (auto made = make_folder(folder); !made) return fail(std::move(made.error()));
  auto lock = FolderLock::take(folder);
  if (!lock) return fail(with_what_to_do(std::move(lock.error())));
  return lock;
}

Result<FolderLock, FolderLock::Refused> wait_to_lock_folder(const std::filesystem::path& folder) {
  constexpr std::chrono::seconds kLongest{1};
  if (auto made = make_folder(folder); !made) return fail(std::move(made.error()));
  auto lock = FolderLock::wait_for(folder, kLongest);
  if (!lock) return fail(with_what_to_do(std::move(lock.error())));
  return lock;
}

}  // namespace hermes::chat
