// SHA-256 over pieces, by OpenSSL. Cheap to make one after another: the context is made once a thread, the algorithm fetched
// once. One at a time on a thread. Throws std::bad_alloc if OpenSSL cannot allocate.
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
  void update(std::string_view bytes);
  // The length as four bytes, then the bytes: pieces hashed this way can't be cut differently with the same digest.
  void update_delimited(std::string_view bytes);
  Digest finish();

 private:
  void* context_;
};

}  // namespace hermes
