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

BenchResult append(const Options& options);
BenchResult decide(const Options& options);
BenchResult handle(const Options& options);
BenchResult history(const Options& options);
BenchResult ingest(const Options& options);
BenchResult latency(const Options& options);
BenchResult project(const Options& options);
BenchResult rebuild(const Options& options);
BenchResult snapshot(const Options& options);
BenchResult spool_path(const Options& options);

inline const std::vector<Benchmark> kBenchmarks = {
    {"append", "The append protocol against bare binary COPY of the same rows.", append},
    {"decide", "The domain alone: decisions per second on one core.", decide},
    {"handle", "The command handler, new messages in, against bare binary COPY of as many rows.", handle},
    {"history", "Pages of a conversation from millions of messages, against the same from a few.", history},
    {"ingest", "The whole way from broker to log, against a subscriber that only counts.", ingest},
    {"latency", "Publish to acknowledgement and to the row, at half of the sustained rate.", latency},
    {"project", "Projectors that catch up, against the append protocol that wrote what they read.", project},
    {"rebuild", "A read model made anew from the log, against set-based SQL on decoded columns.", rebuild},
    {"snapshot", "A broadcast with 50,000 receipts from its snapshot, against all of its events.", snapshot},
    {"spool", "Append, read back and release, against bare writes of the same bytes.", spool_path},
};

}  // namespace hermes::bench
