#include "tests/fuzz/mutate.h"

#include <algorithm>
#include <array>

namespace hermes::fuzz {
namespace {

// Ends of ranges: of bytes, signs, lengths, UTF-8.
constexpr std::array<unsigned char, 12> kInteresting{0x00, 0x01, 0x0a, 0x20, 0x22, 0x5c, 0x7f, 0x80, 0xc0, 0xef, 0xf4, 0xff};

class Mutation {
 public:
  Mutation(const Seeds& seeds, std::mt19937_64& random) : seeds_(seeds), random_(random), bytes_(pick(seeds.inputs)) {}

  void change() {
    switch (below(8)) {
      case 0: return flip_bit();
      case 1: return set_byte(kInteresting[below(kInteresting.size())]);
      case 2: return set_byte(static_cast<unsigned char>(random_()));
      case 3: return cut();
      case 4: return repeat();
      case 5: return insert(seeds_.words.empty() ? std::string(1 + below(8), 'A') : pick(seeds_.words));
      case 6: return splice();
      default: return insert(random_bytes());
    }
  }

  std::string take(std::size_t bytes_max) && {
    bytes_.resize(std::min(bytes_.size(), bytes_max));
    return std::move(bytes_);
  }

 private:
  std::size_t below(std::size_t limit) { return limit == 0 ? 0 : random_() % limit; }
  const std::string& pick(const std::vector<std::string>& from) { return from[below(from.size())]; }
  std::size_t place() { return below(bytes_.size() + 1); }

  void flip_bit() {
    if (!bytes_.empty()) bytes_[below(bytes_.size())] ^= static_cast<char>(1u << below(8));
  }
  void set_byte(unsigned char value) {
    if (!bytes_.empty()) bytes_[below(bytes_.size())] = static_cast<char>(value);
  }
  void cut() { bytes_.erase(place(), 1 + below(16)); }
  void repeat() {
    const std::string part = bytes_.substr(place(), 1 + below(32));
    for (std::size_t times = 1 + below(64); times > 0; --times) insert(part);
  }
  void insert(const std::string& part) { bytes_.insert(place(), part); }
  void splice() {
    const std::string& other = pick(seeds_.inputs);
    bytes_ = bytes_.substr(0, place()) + other.substr(below(other.size() + 1));
  }
  std::string random_bytes() {
    std::string bytes(1 + below(16), '\0');
    for (char& byte : bytes) byte = static_cast<char>(random_());
    return bytes;
  }

  const Seeds& seeds_;
  std::mt19937_64& random_;
  std::string bytes_;
};

}  // namespace

std::string mutate(const Seeds& seeds, std::mt19937_64& random, std::size_t bytes_max) {
  Mutation mutation(seeds, random);
  // Mostly one or two: what is changed much is refused at the first byte.
  do {
    mutation.change();
  } while (random() % 2 == 0);
  return std::move(mutation).take(bytes_max);
}

}  // namespace hermes::fuzz
