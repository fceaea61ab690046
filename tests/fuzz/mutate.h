// Small changes to bytes: what goes wrong on disks and wires, and what people try.
#pragma once

#include <random>
#include <string>

#include "tests/fuzz/fuzz_target.h"

namespace hermes::fuzz {

// A few changes to one of the seeds, at most `bytes_max` long.
std::string mutate(const Seeds& seeds, std::mt19937_64& random, std::size_t bytes_max);

}  // namespace hermes::fuzz
