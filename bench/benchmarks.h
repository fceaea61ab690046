// Every benchmark. A new one takes a declaration and an entry here, and its file in bench/CMakeLists.txt.
#pragma once

#include <vector>

#include "bench/bench.h"

namespace hermes::bench {

struct Benchmark {
  const char* name;
  const char* description;  // one line for --help
  BenchResult (*run)(const Options&);
};

BenchResult decide(const Options& options);

inline const std::vector<Benchmark> kBenchmarks = {
    {"decide", "The domain alone: decisions per second on one core.", decide},

};

}  // namespace hermes::bench
