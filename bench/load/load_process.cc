#include "bench/load/load_process.h"

#include <unistd.h>

#include <boost/json.hpp>
#include <fstream>
#include <iterator>
#include <stdexcept>
#include <thread>

namespace hermes::bench {
namespace {

using private_servers::Process;
using private_servers::ProcessOptions;
namespace json = boost::json;

std::string beside(const std::string& program, const char* name) {
  return (std::filesystem::path(program).parent_path() / name).string();
}

std::vector<std::string> load_command(const std::string& hermes, const load::Settings& settings,
                                      const std::filesystem::path& witness) {
  std::vector<std::string> command{beside(hermes, "hermes-bench"),
                                   "load",
                                   "--port",
                                   std::to_string(settings.port),
                                   "--topic",
                                   settings.topic_root,
                                   "--prefix",
                                   settings.prefix,
                                   "--senders",
                                   std::to_string(settings.senders),
                                   "--per-second",
                                   std::to_string(settings.per_second),
                                   "--count",
                                   std::to_string(settings.count),
                                   "--payload-bytes",
                                   std::to_string(settings.payload_bytes),
                                   "--unacknowledged",
                                   std::to_string(settings.unacknowledged_max),
                                   "--send-again-ms",
                                   std::to_string(settings.send_again_after.count())};
  if (settings.duration) command.insert(command.end(), {"--milliseconds", std::to_string(settings.duration->count())});
  if (settings.wait_for_acks) command.insert(command.end(), {"--acks", "--witness", witness.string()});
  return command;
}

std::string contents(const std::filesystem::path& file) {
  std::ifstream stream(file);
  return {std::istreambuf_iterator<char>(stream), {}};
}

// The last line of its output, which is JSON.
json::value result_of(Process& process, const std::filesystem::path& output, const char* what,
                      std::chrono::milliseconds limit) {
  const std::optional<int> exit_code = process.wait(limit);
  if (!exit_code) throw std::runtime_error(std::string(what) + " did not end in time: " + process.output());
  if (*exit_code != 0) throw std::runtime_error(std::string(what) + " failed: " + process.output());
  std::string text = contents(output);
  while (!text.empty() && text.back() == '\n') text.pop_back();
  return json::parse(text.substr(text.rfind('\n') + 1));
}

}  // namespace

std::string hermes_of_this_bench() { return beside(std::filesystem::read_symlink("/proc/self/exe").string(), "hermes"); }

LoadProcess::LoadProcess(const std::string& hermes, const load::Settings& settings)
    : folder_("hermes-load"),
      process_(Process::start(load_command(hermes, settings, folder_ / "acknowledged"),
                              {.output = folder_ / "errors", .output_alone = folder_ / "report"})) {}

load::Report LoadProcess::finish(std::chrono::milliseconds limit) {
  const json::object object = result_of(process_, folder_ / "report", "the load generator", limit).as_object();
  const auto integer = [&](const char* name) { return object.at(name).to_number<std::int64_t>(); };
  const auto real = [&](const char* name) { return object.at(name).to_number<double>(); };
  load::Report report;
  report.started_us = integer("started_us");
  report.published = static_cast<std::uint64_t>(integer("published"));
  report.taken = static_cast<std::uint64_t>(integer("taken"));
  report.acknowledged = static_cast<std::uint64_t>(integer("acknowledged"));
  report.sent_again = static_cast<std::uint64_t>(integer("sent_again"));
  report.reconnects = static_cast<std::uint64_t>(integer("reconnects"));
  report.publish_seconds = real("publish_seconds");
  report.seconds = real("seconds");
  report.cpu_seconds = real("cpu_seconds");
  report.ack_ms_p50 = real("ack_ms_p50");
  report.ack_ms_p99 = real("ack_ms_p99");
  report.ack_ms_max = real("ack_ms_max");
  report.complete = object.at("complete").as_bool();
  return report;
}

SubscriberProcess::SubscriberProcess(const std::string& hermes, std::uint16_t port, Answer answer, std::uint64_t count)
    : folder_("hermes-subscriber"), process_([&] {
        std::vector<std::string> command{beside(hermes, "hermes-bench"), "subscribe", "--port",
                                         std::to_string(port),           "--count",   std::to_string(count)};
        if (answer == Answer::acknowledgement) command.push_back("--answer");
        return Process::start(command, {.output = folder_ / "errors", .output_alone = folder_ / "report"});
      }()) {
  const auto limit = std::chrono::steady_clock::now() + std::chrono::seconds(60);
  while (contents(folder_ / "report").find("subscribed\n") == std::string::npos) {
    if (!process_.running() || std::chrono::steady_clock::now() > limit) {
      throw std::runtime_error("the subscriber did not start: " + process_.output());
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
}

std::int64_t SubscriberProcess::finish(std::chrono::milliseconds limit) {
  return result_of(process_, folder_ / "report", "the subscriber", limit).as_int64();
}

}  // namespace hermes::bench
