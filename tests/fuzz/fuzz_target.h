// What a fuzz target is: a function fed with bytes, and the seeds to start from. Two mains drive it: ours (driver.cc), a number
// of mutations with any compiler, which is what the tests run; and clang's libFuzzer (preset `fuzz`), for hours.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

// LLVM's name for it (llvm.org/docs/LibFuzzer.html). Returns 0.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

namespace hermes::fuzz {

// Well-formed inputs, and words that are worth inserting.
struct Seeds {
  std::vector<std::string> inputs;
  std::vector<std::string> words;
};
Seeds seeds();

// Ends the process as a crash would, so that either driver keeps the input.
inline void require(bool holds, const char* what) {
  if (holds) return;
  std::fprintf(stderr, "does not hold: %s\n", what);
  std::abort();
}

}  // namespace hermes::fuzz
