#include <sys/sysinfo.h>
#include <sys/utsname.h>

#include <cstdlib>
#include <fstream>
#include <string>
#include <thread>

#include "bench/bench.h"

namespace hermes::bench {
namespace {

std::string cpu_model() {
  std::ifstream cpuinfo("/proc/cpuinfo");
  for (std::string line; std::getline(cpuinfo, line);) {
    if (line.starts_with("model name")) return line.substr(line.find(':') + 2);
  }
  return "unknown";
}

double load_average() {
  double one_minute = 0;
  return ::getloadavg(&one_minute, 1) == 1 ? one_minute : -1;
}

// A benchmark raises the load itself: what counts is the load it found.
const double kLoadAtStart = load_average();

}  // namespace

boost::json::object describe_machine() {
  struct sysinfo info {};
  struct utsname kernel {};
  ::sysinfo(&info);
  ::uname(&kernel);
  const double memory_gib = static_cast<double>(info.totalram) * info.mem_unit / (1 << 30);
  return {{"cpu", cpu_model()},
          {"cores", std::thread::hardware_concurrency()},
          {"memory_gib", static_cast<int>(memory_gib + 0.5)},
          {"kernel", kernel.release},
          {"load_before", kLoadAtStart},
          {"load_after", load_average()}};
}

}  // namespace hermes::bench
