// Sessions that an ingester of this machine left at the broker when its settings changed.
#include <charconv>
#include <condition_variable>
#include <mutex>
#include <string>

#include "adapters/ingest/kept_sessions.h"
#include "adapters/mqtt/client.h"
#include "base/host_and_port.h"
#include "tools/doctor/doctor_checks.h"

namespace hermes::tools {
namespace {

using Level = Check::Level;

// Mosquitto, and brokers that use its names, publish how many sessions they keep for absent clients. No broker tells the names
// of these clients, or their queues.
constexpr const char* kSessionsOfAbsentClients = "$SYS/broker/clients/disconnected";
constexpr std::chrono::seconds kAnswerTimeout{2};

// Nothing if the broker does not tell, or does not tell us.
std::optional<long> sessions_of_absent_clients(const mqtt::Settings& settings) {
  std::mutex mutex;
  std::condition_variable changed;
  std::optional<long> told;
  mqtt::Client client(settings);
  client.on_message([&](const mqtt::Message& message) {
    long count = 0;
    const char* end = message.payload.data() + message.payload.size();
    if (std::from_chars(message.payload.data(), end, count).ec != std::errc()) return true;
    std::lock_guard lock(mutex);
    told = count;
    changed.notify_all();
    return true;
  });
  if (!client.connect() || !client.subscribe(kSessionsOfAbsentClients, 0, false, mqtt::Retained::sent)) return std::nullopt;
  {
    std::unique_lock lock(mutex);
    changed.wait_for(lock, kAnswerTimeout, [&] { return told.has_value(); });
  }
  client.disconnect();
  return told;
}

}  // namespace

Check check_former_sessions(const Settings& settings, const DoctorSettings& doctor, const mqtt::Settings& client) {
  const std::string broker = host_and_port(settings.mqtt_host, settings.mqtt_port);
  std::vector<ingest::KeptSession> left;
  for (ingest::KeptSession& session : ingest::read_kept_sessions(doctor.spool_folder)) {
    if (session.broker == broker && session.left_at) left.push_back(std::move(session));
  }
  return judge_former_sessions(left, left.empty() ? std::nullopt : sessions_of_absent_clients(client));
}

}  // namespace hermes::tools
