#include "bench/stack.h"

#include <httplib.h>

#include <charconv>
#include <csignal>
#include <stdexcept>
#include <thread>

#include "tests/servers/free_port.h"

namespace hermes::bench {
namespace {

using private_servers::Environment;
using private_servers::Process;

constexpr std::chrono::minutes kReadyLimit{1};
constexpr std::chrono::milliseconds kPoll{10};

std::optional<std::string> get(std::uint16_t port, const char* path, int expected_status) {
  httplib::Client client("127.0.0.1", port);
  client.set_connection_timeout(2);
  client.set_read_timeout(5);
  const httplib::Result answer = client.Get(path);
  if (!answer || answer->status != expected_status) return std::nullopt;
  return answer->body;
}

Environment merged(Environment base, const Environment& over) {
  for (const auto& [name, value] : over) base[name] = value;
  return base;
}

// Until min_wal_size of it is there to be written over.
void fill_and_recycle_wal(const postgres::Settings& superuser) {
  auto connection = postgres::connect(superuser);
  if (!connection) throw std::runtime_error(connection.error().message);
  pqxx::nontransaction work(**connection);
  work.exec(
      "DO $$ BEGIN FOR i IN 1 .. (SELECT setting FROM pg_settings WHERE name = 'min_wal_size')::int / 16 LOOP "
      "PERFORM pg_logical_emit_message(false, '', ''); PERFORM pg_switch_wal(); END LOOP; END $$");
  work.exec("CHECKPOINT");
}

}  // namespace

Service::Service(std::vector<std::string> command, Environment environment, std::filesystem::path log)
    : command_(std::move(command)),
      environment_(std::move(environment)),
      log_(std::move(log)),
      http_port_(private_servers::free_port()) {
  environment_["HERMES_HTTP_PORT"] = std::to_string(http_port_);
}

void Service::start() { process_.emplace(Process::start(command_, {.environment = environment_, .output = log_})); }

bool Service::ready() const { return get(http_port_, "/readyz", 200).has_value(); }

bool Service::running() { return process_ && process_->running(); }

void Service::wait_ready() {
  const auto limit = std::chrono::steady_clock::now() + kReadyLimit;
  while (!ready()) {
    if (!running() || std::chrono::steady_clock::now() > limit) {
      const std::string log = process_ ? process_->output() : "it was not started";
      throw std::runtime_error(command_.at(1) +
                               " did not become ready: " + log.substr(log.size() > 2000 ? log.size() - 2000 : 0));
    }
    std::this_thread::sleep_for(kPoll);
  }
}

void Service::kill() { process_.reset(); }

std::optional<int> Service::stop() {
  if (!process_) return std::nullopt;
  process_->kill(SIGTERM);
  const std::optional<int> exit_code = process_->wait();
  process_.reset();
  return exit_code;
}

std::optional<double> Service::metric(const std::string& name) const {
  const std::optional<std::string> text = get(http_port_, "/metrics", 200);
  if (!text) return std::nullopt;
  std::optional<double> sum;
  for (std::size_t begin = 0; begin < text->size();) {
    const std::size_t end = std::min(text->find('\n', begin), text->size());
    const std::string_view line = std::string_view(*text).substr(begin, end - begin);
    begin = end + 1;
    if (!line.starts_with(name) || line.size() <= name.size()) continue;
    const char next = line[name.size()];
    if (next != ' ' && next != '{') continue;
    const std::size_t space = line.rfind(' ');
    double value = 0;
    std::from_chars(line.data() + space + 1, line.data() + line.size(), value);
    sum = sum.value_or(0) + value;
  }
  return sum;
}

StackOptions as_deployed() {
  return {.fsync = true,
          .postgres_settings = {"max_wal_size=2GB", "min_wal_size=1GB", "wal_compression=lz4", "shared_buffers=256MB"},
          .recycled_wal = true,
          // Tests have none of it: the broker stops for each autosave, as long as the disk takes for all that it holds.
          .mosquitto = {.settings = {"max_inflight_messages 65535", "autosave_interval 30"}}};
}

Stack::Stack(std::string hermes, StackOptions options)
    : hermes_(std::move(hermes)),
      options_(std::move(options)),
      folder_("hermes-stack"),
      postgres_({.fsync = options_.fsync, .settings = options_.postgres_settings}),
      mosquitto_(options_.mosquitto) {
  const private_servers::Finished migrated = private_servers::run({hermes_, "migrate"}, environment());
  if (migrated.exit_code != 0) throw std::runtime_error("hermes migrate failed: " + migrated.errors);
  if (options_.recycled_wal) fill_and_recycle_wal(postgres_.superuser());
}

Environment Stack::environment() const {
  return merged(private_servers::environment_for(postgres_, mosquitto_), options_.environment);
}

Service Stack::ingester(const std::string& name, const Environment& more) {
  return service("ingest", name,
                 merged({{"HERMES_SPOOL_DIR", spool_folder(name)}, {"HERMES_CLIENT_ID", "hermes-" + name}}, more));
}

Service Stack::projector(const std::string& name, const Environment& more) { return service("project", name, more); }

Service Stack::service(const std::string& subcommand, const std::string& name, const Environment& more) {
  std::filesystem::create_directories(folder_ / name);
  return Service({hermes_, subcommand}, merged(environment(), merged({{"HERMES_STATE_DIR", folder_ / name}}, more)),
                 folder_ / (name + ".log"));
}

}  // namespace hermes::bench
