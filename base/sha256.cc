#include "base/sha256.h"

#include <openssl/evp.h>

#include <memory>
#include <new>

namespace hermes {
namespace {

template <auto free>
struct Free {
  template <class T>
  void operator()(T* object) const {
    free(object);
  }
};

void require(bool succeeded) {
  if (!succeeded) throw std::bad_alloc();
}

using Context = std::unique_ptr<EVP_MD_CTX, Free<EVP_MD_CTX_free>>;

// The thread's context while no Sha256 uses it. A second Sha256 at the same time makes its own.
thread_local Context kept;

// Fetched explicitly, since EVP_sha256() is looked up again at every EVP_DigestInit_ex (OpenSSL 3.0, crypto(7), "Performance").
const EVP_MD* algorithm() {
  static const std::unique_ptr<EVP_MD, Free<EVP_MD_free>> fetched(EVP_MD_fetch(nullptr, "SHA256", nullptr));
  require(fetched != nullptr);
  return fetched.get();
}

}  // namespace

Sha256::Sha256() : context_(kept ? kept.release() : EVP_MD_CTX_new()) {
  require(context_ != nullptr);
  require(EVP_DigestInit_ex(static_cast<EVP_MD_CTX*>(context_), algorithm(), nullptr) == 1);
}

Sha256::~Sha256() { kept.reset(static_cast<EVP_MD_CTX*>(context_)); }

void Sha256::update(std::string_view bytes) {
  require(EVP_DigestUpdate(static_cast<EVP_MD_CTX*>(context_), bytes.data(), bytes.size()) == 1);
}

void Sha256::update_delimited(std::string_view bytes) {
  const auto size = static_cast<std::uint32_t>(bytes.size());
  const char length[4] = {static_cast<char>(size >> 24), static_cast<char>(size >> 16), static_cast<char>(size >> 8),
                          static_cast<char>(size)};
  update({length, sizeof length});
  update(bytes);
}

Sha256::Digest Sha256::finish() {
  Digest digest;
  require(EVP_DigestFinal_ex(static_cast<EVP_MD_CTX*>(context_), reinterpret_cast<unsigned char*>(digest.data()), nullptr) ==
          1);
  return digest;
}

}  // namespace hermes
