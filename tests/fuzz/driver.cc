// Feeds a fuzz target with its seeds and with mutations of them. When the target crashes, the input is kept in a file and the
// command that repeats it is printed.
//
//   wire_decoder_fuzz [--iterations N] [--seed N]    N mutations (20000), from a seed that makes the run repeatable
//   wire_decoder_fuzz --seconds N [--seed N]         as many as there is time for
//   wire_decoder_fuzz FILE...                        these inputs, once each
//   wire_decoder_fuzz --write-seeds FOLDER           the seeds as files, for libFuzzer
#include <fcntl.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <iterator>
#include <optional>

#include "tests/fuzz/mutate.h"

namespace {

using namespace hermes::fuzz;

constexpr std::size_t kInputBytesMax = 300 * 1024;  // past the largest payload that is accepted

const std::string* current_input = nullptr;
char crash_file[] = "/tmp/hermes-fuzz-XXXXXX";

// Only calls that a signal handler may make.
void keep_input(int signal) {
  const char* prefix = "the input is kept in ";
  if (current_input != nullptr) {
    const int file = ::mkstemp(crash_file);
    const bool written = file >= 0 && ::write(file, current_input->data(), current_input->size()) >= 0 &&
                         ::write(STDERR_FILENO, prefix, std::strlen(prefix)) > 0 &&
                         ::write(STDERR_FILENO, crash_file, std::strlen(crash_file)) > 0 && ::write(STDERR_FILENO, "\n", 1) > 0;
    if (!written) ::_exit(2);
  }
  std::signal(signal, SIG_DFL);
  std::raise(signal);
}

void feed(const std::string& input) {
  current_input = &input;
  LLVMFuzzerTestOneInput(reinterpret_cast<const std::uint8_t*>(input.data()), input.size());
  current_input = nullptr;
}

int write_seeds(const std::filesystem::path& folder) {
  std::filesystem::create_directories(folder);
  const Seeds all = seeds();
  for (std::size_t i = 0; i < all.inputs.size(); ++i) {
    std::ofstream(folder / ("seed-" + std::to_string(i)), std::ios::binary) << all.inputs[i];
  }
  return 0;
}

int feed_files(int count, char** files) {
  for (int i = 0; i < count; ++i) {
    std::ifstream file(files[i], std::ios::binary);
    if (!file) {
      std::cerr << "cannot read " << files[i] << "\n";
      return 2;
    }
    feed({std::istreambuf_iterator<char>(file), {}});
  }
  return 0;
}

// For as many mutations as asked for, or, where a time was asked for, for as many as it has room for.
int feed_mutations(std::uint64_t iterations, std::optional<std::chrono::seconds> time, std::uint64_t seed) {
  const auto until = std::chrono::steady_clock::now() + time.value_or(std::chrono::seconds(0));
  std::mt19937_64 random(seed);
  const Seeds all = seeds();
  for (const std::string& input : all.inputs) feed(input);
  std::uint64_t done = 0;
  const auto goes_on = [&] { return time ? std::chrono::steady_clock::now() < until : done < iterations; };
  for (; goes_on(); ++done) feed(mutate(all, random, kInputBytesMax));
  std::cout << done << " mutations of " << all.inputs.size() << " seeds, seed " << seed << ": no crash\n";
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  for (const int signal : {SIGABRT, SIGSEGV, SIGBUS, SIGFPE, SIGILL}) std::signal(signal, keep_input);
  // Another one each day, so that runs add up, and the same one all day, so that a failure can be repeated.
  const auto day = std::chrono::duration_cast<std::chrono::days>(std::chrono::system_clock::now().time_since_epoch()).count();
  std::uint64_t iterations = 20'000;
  std::optional<std::chrono::seconds> time;
  auto seed = static_cast<std::uint64_t>(day);
  for (int i = 1; i < argc; i += 2) {
    const std::string flag = argv[i];
    if (!flag.starts_with("--")) return feed_files(argc - i, argv + i);
    if (i + 1 == argc) {
      std::cerr << flag << " takes a value\n";
      return 2;
    }
    if (flag == "--write-seeds") return write_seeds(argv[i + 1]);
    if (flag == "--iterations") {
      iterations = std::stoull(argv[i + 1]);
    } else if (flag == "--seconds") {
      time = std::chrono::seconds(std::stoull(argv[i + 1]));
    } else if (flag == "--seed") {
      seed = std::stoull(argv[i + 1]);
    } else {
      std::cerr << "unknown flag " << flag << "\n";
      return 2;
    }
  }
  return feed_mutations(iterations, time, seed);
}
