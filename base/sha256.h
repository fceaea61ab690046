// SHA-256 over pieces, by OpenSSL. Making many is cheap: a thread keeps its context, and the algorithm is fetched once. Throws
// std::bad_alloc if OpenSSL cannot allocate. Not thread-safe.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace hermes {

class Sha256 {
 public:
  using Digest = std::array<std::byte, 32>;

  Sha256();
  ~Sha256();
  Sha256(const Sha256&) = delete;
  Sha256& operator=(const Sha256&) = delete;

  void update(std::string_view bytes);
  // The length as four bytes, then the bytes: the same bytes cut into other pieces then have another digest.
  void update_delimited(std::string_view bytes);
  Digest finish();

 private:
  void* context_;
};

}  // namespace hermes
